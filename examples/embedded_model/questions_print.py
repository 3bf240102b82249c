"""What is asked about keys and values in print: one of them by name, or several as JSON."""

from __future__ import annotations

import json
import random
from typing import Any

from render import Picture
from texts import KEYS, NUMBER_KEYS, pair_of
from turn import Turn

TITLE_KEYS = ("title", "vendor", "shop", "store", "heading")
ABSENT = "null"


def fields_of(picture: Picture) -> dict[str, str]:
    """Keys and values printed in the picture; a key that stands twice is left out."""
    pairs = [pair for line in picture.lines if (pair := pair_of(line))]
    keys = [key for key, _ in pairs]
    return {key: value for key, value in pairs if keys.count(key) == 1}


def title_of(picture: Picture) -> str | None:
    """The line above the keys and values; None where there is none or it is not clear."""
    if not picture.lines:
        return None
    first, *rest = picture.lines
    clear = pair_of(first) is None and "." not in first and any(map(pair_of, rest))
    return first if clear else None


def ask_value(rng: random.Random, picture: Picture) -> Turn | None:
    """The value behind a printed key, now and then what stands above."""
    fields = fields_of(picture)
    if not fields:
        return None
    title = title_of(picture)
    if title and rng.random() < 0.15:
        way = rng.choice(("What is the {}?", "What is the name of the {}?", "Which {} is it?"))
        return Turn("value", way.format(rng.choice(TITLE_KEYS)), title)
    key = rng.choice(list(fields))
    way = rng.choice(
        ("What is the {k}?", "What is the {k}?", "What is the {k}?", "what is the {k}",
         "What is the {k} on the image?", "Which {k} is printed?", "Read the {k}.", "{K}?",
         "What {k} does it say?", "What does it say for {k}?")
    )  # fmt: skip
    return Turn("value", way.format(k=key, K=key.capitalize()), fields[key])


def json_value(key: str, value: str) -> str:
    """A JSON number where the key has one, else a string."""
    if key in NUMBER_KEYS:
        return value
    return '"' + value.replace("\\", "").replace('"', '\\"') + '"'


def parse_value(key: str, value: str) -> Any:
    """What a reader of the JSON gets."""
    return json.loads(json_value(key, value))


def ask_fields(rng: random.Random, picture: Picture) -> Turn | None:
    """Several printed values as a JSON object, asked as `extract` asks.

    Now and then also for what stands above the fields, or for what is not there at all (null), and
    with a word on what a field is.
    """
    fields = fields_of(picture)
    if not fields:
        return None
    keys = rng.sample(list(fields), rng.randint(1, len(fields)))
    answers = {key: json_value(key, fields[key]) for key in keys}
    title = title_of(picture)
    if title and rng.random() < 0.5:
        answers = {rng.choice(TITLE_KEYS): json_value("", title)} | answers
    if rng.random() < 0.1:
        absent = rng.choice([key for key in KEYS if key not in " ".join(picture.lines).lower()])
        answers[absent] = ABSENT
    asked = list(answers)
    if rng.random() < 0.2:
        asked = [f"{key} ({rng.choice(('the printed ', 'its ', ''))}{key})" for key in asked]
    answer = ", ".join(f'"{key}": {value}' for key, value in answers.items())
    question = f"Read these fields from the image: {'; '.join(asked)}. Answer in JSON."
    return Turn("fields", question, "{" + answer + "}")

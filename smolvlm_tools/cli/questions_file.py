"""`--questions FILE` and `--rating SCALE`: what their texts mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .. import constraints
from ..constraints import Constraint, Rating
from ..errors import BadOptions
from ..prompt.questions import Ask

_FORM = (
    'Give an object of names and questions: {"paid": {"question": "Is it paid?", '
    '"answer": "yes-no"}, "place": "Where was it?"}.'
)
_TYPES = ("answer", "choices", "rating", "schema")
_FIELDS = ("question", *_TYPES, "context", "min_confidence", "max_new_tokens")


def read_questions(path: Path) -> dict[str, Ask]:
    """The questions of a JSON file, by name.

    Raises:
        BadOptions: it cannot be read, or a question in it is not one.
    """
    questions = read_object(path, _FORM)
    if not questions:
        raise BadOptions(f"{str(path)!r} has no questions", _FORM)
    return {name: _question(name, asked) for name, asked in questions.items()}


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        BadOptions: there is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOptions(f"{str(path)!r} cannot be read ({error.strerror})", remedy) from None
    except (ValueError, RecursionError) as error:
        raise BadOptions(f"{str(path)!r} is not JSON ({error})", remedy) from None
    if not isinstance(found, dict):
        raise BadOptions(f"{str(path)!r} holds a {type(found).__name__}", remedy)
    return cast("dict[str, Any]", found)


def parse_rating(text: str) -> Rating:
    """Read "1-5", or labels from the lowest: "poor,fair,good".

    Raises:
        BadOptions: neither makes a scale.
    """
    bounds = re.fullmatch(r"\s*(-?\d+)\s*-\s*(-?\d+)\s*", text)
    if bounds:
        return Rating(int(bounds[1]), int(bounds[2]))
    return Rating(levels=[label.strip() for label in text.split(",")])


def _question(name: str, asked: object) -> Ask:
    if isinstance(asked, str):
        return Ask(asked)
    if not isinstance(asked, Mapping):
        raise BadOptions(f"question {name!r} is a {type(asked).__name__}", _FORM)
    fields = cast("Mapping[str, Any]", asked)
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown or "question" not in fields:
        fault = f"unknown fields {', '.join(unknown)}" if unknown else "no field question"
        raise BadOptions(f"question {name!r} has {fault}", f"Fields are {', '.join(_FIELDS)}.")
    types = [kind for kind in _TYPES if kind in fields]
    if len(types) > 1:
        raise BadOptions(f"question {name!r} has {' and '.join(types)}", "Give one of them.")
    rest = {key: fields[key] for key in _FIELDS[1 + len(_TYPES) :] if key in fields}
    try:
        answer = _answer(types[0], fields[types[0]]) if types else None
        return Ask(fields["question"], answer, **rest)
    except BadOptions as error:
        told = error.in_words_of('"{}"'.format)  # as the file has it, not as a flag
        raise told.reworded(f"question {name!r}: {told.reason}", told.remedy) from None


def _answer(kind: str, wanted: Any) -> Constraint | Rating:
    if kind == "schema":
        if not isinstance(wanted, Mapping):
            raise BadOptions(f"the schema is a {type(wanted).__name__}", "Give an object.")
        return constraints.json_schema(cast("Mapping[str, Any]", wanted))
    if kind == "answer":
        return constraints.named(str(wanted))
    if not isinstance(wanted, (list, Mapping)):
        remedy = 'Give "choices": ["red", "blue"], or "rating": [1, 5] or ["poor", "good"].'
        raise BadOptions(f"{kind} {wanted!r} is not a list", remedy)
    if kind == "choices":
        return constraints.choices(cast("Any", wanted))
    levels = cast("Any", wanted)
    if isinstance(wanted, list) and levels and all(isinstance(level, int) for level in levels):
        if len(levels) != 2:
            raise BadOptions(f"the rating {levels} is not a scale", "Give its two bounds.")
        return Rating(levels[0], levels[1])
    return Rating(levels=levels)

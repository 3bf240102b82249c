"""Options in the words of whoever reads about them.

A reason or a remedy names an option as Python does, between backticks: `max_new_tokens`,
`backend='torch'`, `ImagePolicy.max_pixels`. On the command line the same option is a flag, or there
is none: then the sentence that recommends it is left out of the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Names: TypeAlias = Callable[[str], str | None]
"""From an option's name in Python to its name elsewhere; None where it has none."""

OPTION = re.compile(
    r"`(?P<option>(?:\w+=(?=[\w.]+\())?"  # of policy=ImagePolicy.agent(…) it is what is called
    r"(?P<name>[A-Za-z_][\w.]*)(?:=(?P<value>[^`]*)|\([^`]*\))?)`"
)
"""An option in a text; `smolvlm export DIR` and other commands are none, for their space."""

_BETWEEN_SENTENCES = re.compile(r"(?<=[.?]) (?=[A-Z])")


def name_options(text: str, names: Names) -> str:
    """`text` with every option as `names` has it, and its value beside it."""

    def renamed(found: re.Match[str]) -> str:
        name = names(found["name"])
        if name is None:
            return found["option"]
        if name == found["name"]:
            return found[0]
        value = (found["value"] or "").strip("'\"")
        return f"{name} {value}" if value and value != "True" else name

    return OPTION.sub(renamed, text)


def feasible(remedy: str, names: Names) -> str:
    """The sentences of a remedy whose options all have a name; "" if there is none."""
    sentences = _BETWEEN_SENTENCES.split(remedy)
    kept = [sentence for sentence in sentences if _is_feasible(sentence, names)]
    if kept and kept[0] != sentences[0] and kept[0].startswith("Or "):  # than what is left out
        rest = kept[0].removeprefix("Or ")
        kept[0] = rest[0].upper() + rest[1:]
    return " ".join(kept)


def _is_feasible(sentence: str, names: Names) -> bool:
    return all(names(found["name"]) is not None for found in OPTION.finditer(sentence))

"""Which answers count as right.

Numbers with a decimal point are equal within a billionth of the larger; texts apart from case and
white space; all else must be the same.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...decoding.scales import Kind
from ...errors import BadOptions

_WORDS = {"yes": True, "no": False}


def typed(kind: Kind, answer: object, choices: Sequence[str] | None = None) -> Any:
    """A right answer from JSON as the value that the model's answer would have.

    Raises:
        BadOptions: it is not of its kind.
    """
    if kind == "document":
        return answer
    if kind == "yes-no" and isinstance(answer, str):
        answer = _WORDS.get(answer.strip().lower(), answer)
    if kind == "date" and isinstance(answer, str):
        try:
            return datetime.date.fromisoformat(answer)
        except ValueError:
            raise BadOptions(f"the answer {answer!r} is not a date", "Use YYYY-MM-DD.") from None
    number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
    fits = {
        "yes-no": isinstance(answer, bool),
        "integer": number and isinstance(answer, int),
        "number": number,
        "choice": isinstance(answer, str) and answer in (choices or ()),
        "list": isinstance(answer, list)
        and all(isinstance(each, str) for each in cast("list[object]", answer)),
    }
    if not fits.get(kind, isinstance(answer, str)):
        what = f"one of {', '.join(choices)}" if choices else f"of the kind {kind!r}"
        raise BadOptions(f"the answer {answer!r} is not {what}", "Correct it, or its kind.")
    return float(cast("float", answer)) if kind == "number" else answer


def is_right(said: object, wanted: object) -> bool:
    """Whether a value is the wanted one, as the module says."""
    if isinstance(said, str) and isinstance(wanted, str):
        return plain(said) == plain(wanted)
    if isinstance(said, bool) or isinstance(wanted, bool):
        return said is wanted
    if isinstance(said, int) and isinstance(wanted, int):
        return said == wanted
    if isinstance(said, (int, float)) and isinstance(wanted, (int, float)):
        return math.isclose(said, wanted, rel_tol=1e-9)
    if isinstance(said, Mapping) and isinstance(wanted, Mapping):
        one, other = cast("Mapping[str, object]", said), cast("Mapping[str, object]", wanted)
        return one.keys() == other.keys() and all(is_right(one[key], other[key]) for key in one)
    if isinstance(said, list) and isinstance(wanted, list):
        these, those = cast("list[object]", said), cast("list[object]", wanted)
        return len(these) == len(those) and all(map(is_right, these, those))
    return said == wanted


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where there is nothing."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = cast("Mapping[str, Any]", document).get(key)
        elif isinstance(document, list) and key.isdecimal():
            items = cast("list[Any]", document)
            document = items[int(key)] if int(key) < len(items) else None
        else:
            return None
    return document


def plain(text: str) -> str:
    """Lower case, with single spaces."""
    return " ".join(text.casefold().split())

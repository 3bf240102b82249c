"""MathVista's measure, as far as it goes without a paid judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from .metrics import choice_match, exact_match

CHOICE = "multi_choice"
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d)")
_READERS: dict[str, Callable[[str], float]] = {"integer": int, "float": float}


def mathvista_match(
    reply: str, answers: Sequence[str], kind: str, options: Mapping[str, str]
) -> float:
    """1 where the reply chooses the right option, is the right number, or is the right text.

    Choices and numbers are those of `post_check` in VLMEvalKit's `mathvista.py`, before it asks a
    model what a longer reply means. Instead of that, the only number of a longer reply counts; and
    texts and lists, which it always hands to that model, must be equal apart from case.

    Args:
        kind: "multi_choice", "integer", "float", "text" or "list".

    Example:
        >>> mathvista_match("The number missing in the sequence is 14.", ["14"], "integer", {})
        1.0
    """
    if kind == CHOICE:
        return choice_match(reply, answers, options)
    read = _READERS.get(kind)
    if read is None:
        return exact_match(reply, answers)
    said = _read(read, _only_number(reply))
    return float(said is not None and any(said == _read(read, answer) for answer in answers))


def _only_number(reply: str) -> str:
    found = _NUMBER.findall(reply)
    return found[0].replace(",", "") if len(found) == 1 else reply


def _read(read: Callable[[str], float], text: str) -> float | None:
    try:
        return read(text)
    except ValueError:
        return None

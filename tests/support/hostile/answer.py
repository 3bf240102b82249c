"""What comes back from a surface, as it crosses from one process to another."""

from __future__ import annotations

import traceback
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

from smolvlm_tools.errors import SmolVLMError

from .case import WORKS

_FORBIDDEN = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F))}
_FORBIDDEN |= set(map(chr, range(0x2066, 0x206A)))


@dataclass
class Answer:
    """One answer.

    Attributes:
        code: of the error, or `WORKS`; "raw" for an exception that is no error of ours.
        text: what was said: the reply, or the error.
        raw: the last lines of a traceback.
    """

    code: str
    text: str = ""
    raw: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def works(text: str) -> Answer:
    return Answer(WORKS, str(text)[:20_000])


def failed(error: BaseException) -> Answer:
    """The answer that an exception is; what is no error of ours is raw."""
    if isinstance(error, SmolVLMError):
        return Answer(error.code, str(error))
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return Answer("raw", repr(error)[:500], "".join(lines[-3:])[-1_500:])


def faults_of(answer: Answer) -> list[str]:
    """What is wrong with how something was said, whatever it was."""
    found = []
    if answer.code == "raw":
        found.append(f"raw exception: {answer.text[:200]}")
    elif answer.code != WORKS:
        if len(answer.text) > 3_000:
            found.append(f"an error of {len(answer.text):,} characters")
        if "Traceback (most recent" in answer.text:
            found.append("a traceback")
    unsafe = {char for char in answer.text if _is_unsafe(char)}
    if unsafe and answer.code == WORKS:
        found.append(f"control characters in a reply: {sorted(unsafe)!r}")
    return found


def _is_unsafe(char: str) -> bool:
    if char in "\n\t":
        return False
    return char in _FORBIDDEN or unicodedata.category(char) in ("Cc", "Cs")

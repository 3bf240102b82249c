"""Where the values of an answer are printed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from ...types import Evidence, Word
from .alignment import similarity
from .letters import letters_of
from .lines import around

_ALIKE = 0.85  # a longer text may have a letter that one of them misread
_MOST_WORDS = 24
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%B %d %Y", "%d %b %Y",
          "%b %d %Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
_EDGES = ".,:;!?()[]{}\"'*#$€£¥%+="


def find_evidence(value: object, words: Sequence[Word]) -> dict[str, Evidence]:
    """The first place of each value that is printed, by JSON pointer.

    Numbers and dates are looked for in the forms they are printed in, and have to be exact; of a
    text 0.85 of its characters have to be there. Yes, no and null are not looked for.

    Args:
        value: JSON data, a date or an instance of a pydantic model.
    """
    found: dict[str, Evidence] = {}
    for pointer, scalar in _scalars(value, ""):
        place = _find(scalar, words)
        if place is not None:
            found[pointer] = place
    return found


def _scalars(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _scalars(each, f"{pointer}/{step}")
    elif isinstance(value, (list, tuple)):
        for at, each in enumerate(cast("Sequence[Any]", value)):
            yield from _scalars(each, f"{pointer}/{at}")
    elif value is not None and not isinstance(value, bool):
        yield pointer, value


def _find(value: object, words: Sequence[Word]) -> Evidence | None:
    forms = _forms(value)
    least = _ALIKE if isinstance(value, str) else 1.0
    counts = {len(form.split()) + more for form in forms for more in (-1, 0, 1)}
    wanted = [_bare(form) for form in forms]
    best: Evidence | None = None
    for count in sorted(n for n in counts if 0 < n <= _MOST_WORDS):
        for first in range(len(words) - count + 1):
            place = words[first : first + count]
            if place[0].image != place[-1].image:
                continue
            text = " ".join(word.text for word in place)
            letters = _bare(text)
            alike = max((similarity(letters, each) for each in wanted if each), default=0.0)
            if alike >= least and (best is None or alike > best.agreement):
                box = around([word.box for word in place])
                assert box is not None
                best = Evidence(text=text, box=box, agreement=alike, image=place[0].image)
    return best


def _bare(text: str) -> str:
    """The letters that are compared: case and what stands around a value do not count."""
    return letters_of(text).casefold().strip(_EDGES)


def _forms(value: object) -> list[str]:
    """How a value may be printed."""
    if isinstance(value, datetime.date):
        plain = [value.strftime(form) for form in _DATES]
        return [*plain, *(_without_zeros(form) for form in plain), *_ordered(value)]
    if isinstance(value, (int, float)):
        forms = [f"{value}", f"{value:,}", f"{value:.2f}", f"{value:,.2f}"]
        if isinstance(value, float) and value.is_integer():
            forms += [f"{value:.0f}", f"{value:,.0f}"]
        swapped = [form.translate(str.maketrans(",.", ".,")) for form in forms]
        return list(dict.fromkeys([*forms, *swapped]))
    return [str(value)]


def _without_zeros(form: str) -> str:
    for mark in ("/", ".", "-", " "):
        form = mark.join(part[1:] if part.startswith("0") else part for part in form.split(mark))
    return form


def _ordered(value: datetime.date) -> list[str]:
    """With a comma before the year."""
    return [f"{value:%B} {value.day}, {value.year}", f"{value:%b} {value.day}, {value.year}"]

"""Where the values of an answer are printed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

from pydantic import BaseModel

from ...types import Evidence, Word
from .alignment import similarity
from .letters import letters_of
from .lines import around

_ALIKE = 0.85  # a longer text may have a letter that one of them misread
_MOST_WORDS = 24
_WORD = re.compile(r"[^\W_]+")
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%B %d %Y", "%d %b %Y",
          "%b %d %Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
_EDGES = ".,:;!?()[]{}\"'*#$€£¥%+="


def find_evidence(value: object, words: Sequence[Word], question: str = "") -> dict[str, Evidence]:
    """Where each value is printed, by JSON pointer.

    Of several places that one is taken whose line has most words of the field's name or, where
    there is none, of the question, as "TOTAL 7.50" has of "/total"; of these the first.

    Numbers and dates are looked for in the forms they are printed in, and have to be exact; of a
    text 0.85 of its characters have to be there. Yes, no and null are not looked for.

    Args:
        value: JSON data, a date or an instance of a pydantic model.
        question: that it answers.
    """
    asked = _words_of(question)
    found: dict[str, Evidence] = {}
    for pointer, scalar in _scalars(value, ""):
        place = _find(scalar, words, _words_of(_name(pointer)) or asked)
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


def _name(pointer: str) -> str:
    """The last name in a pointer: of "/bill/grand_total/0" it is "grand_total"."""
    names = [step for step in pointer.split("/") if step and not step.isdigit()]
    return names[-1] if names else ""


def _words_of(text: str) -> frozenset[str]:
    """Without case; an underscore parts words too."""
    return frozenset(_WORD.findall(text.casefold()))


def _find(value: object, words: Sequence[Word], label: Set[str]) -> Evidence | None:
    lines: dict[tuple[int, int], set[str]] = {}
    for word in words:
        lines.setdefault((word.image, word.line), set()).add(_bare(word.text))
    forms = _forms(value)
    least = _ALIKE if isinstance(value, str) else 1.0
    counts = {len(form.split()) + more for form in forms for more in (-1, 0, 1)}
    wanted = [_bare(form) for form in forms]
    best: tuple[float, int, Evidence] | None = None
    for count in sorted(n for n in counts if 0 < n <= _MOST_WORDS):
        for first in range(len(words) - count + 1):
            place = words[first : first + count]
            if place[0].image != place[-1].image:
                continue
            text = " ".join(word.text for word in place)
            letters = _bare(text)
            alike = max((similarity(letters, each) for each in wanted if each), default=0.0)
            near = len(lines[place[0].image, place[0].line] & label)
            if alike >= least and (best is None or (alike, near) > best[:2]):
                box = around([word.box for word in place])
                assert box is not None
                found = Evidence(text=text, box=box, agreement=alike, image=place[0].image)
                best = (alike, near, found)
    return best and best[2]


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

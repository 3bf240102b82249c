"""What a check by OCR found, as people read it: on stderr, beside the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import clean, note

if TYPE_CHECKING:
    from ..types import Box, Check

LINES_SHOWN = 10
"""Most lines and words that are shown; --json has all."""

_TEXT = 40  # letters of a line


def show_check(check: Check) -> None:
    """Say what both readers agree on, the lines they differ in, and where values stand."""
    for pointer, found in check.evidence.items():
        note(f"{clean(pointer) or 'the answer'} is printed at {_place(found.box)}")
    if check.agreement is None:
        if not check.evidence:
            note(f"the answer was not found in the image by {check.recognizer}")
        return
    note(f"{check.agreement:.0%} of the text was recognised alike by {check.recognizer}")
    unlike = sorted(
        (line for line in check.lines if line.agreement < 1), key=lambda line: line.agreement
    )
    for line in unlike[:LINES_SHOWN]:
        recognised = f"recognised: {_cut(line.recognised)}" if line.recognised else "not there"
        note(f"  {line.agreement:4.0%}  {_cut(line.text)}  ({recognised})")
    if len(unlike) > LINES_SHOWN:
        note(f"  and {len(unlike) - LINES_SHOWN} more lines; --json has all")
    if check.missing:
        words = " ".join(clean(word.text) for word in check.missing[:LINES_SHOWN])
        more = len(check.missing) - LINES_SHOWN
        note(f"left out: {words}" + (f" and {more} more words" if more > 0 else ""))


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _place(box: Box) -> str:
    corners = (box.left, box.top, box.right, box.bottom)
    return "({:.0f}, {:.0f})-({:.0f}, {:.0f})".format(*corners)

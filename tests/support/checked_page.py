"""Checked answers on the page of `smolvlm serve`: asking for them, and where their boxes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from smolvlm_tools import Word
from tests.support.serve_page import Visit

NEAR = 3  # pixels of the image, besides those of the screen between print and box
_PLACES = """() => {
  const image = document.querySelector("#frame :is(img, canvas)").getBoundingClientRect();
  const width = Number(document.querySelector("#boxes").viewBox.baseVal.width);
  const scale = width / image.width;
  return [...document.querySelectorAll("#boxes rect:not(.halo)")].map((rect) => {
    const { left, top, right, bottom } = rect.getBoundingClientRect();
    return [left - image.left, top - image.top, right - image.left, bottom - image.top]
      .map((each) => each * scale);
  });
}"""


def check(visit: Visit, kind: str, question: str | None = None) -> None:
    """Ask with the second reader, and wait for the answer."""
    visit.page.get_by_role("radio", name=kind, exact=True).check(force=True)
    visit.page.get_by_label("Check with OCR").check()
    visit.ask(kind, question)


def boxes(visit: Visit) -> list[list[float]]:
    """Where boxes are drawn, in pixels of the image."""
    return visit.page.evaluate(_PLACES)


def around(words: Sequence[Word], visit: Visit) -> list[Any]:
    """Where boxes belong, with the paper between print and box."""
    wide = visit.page.locator("#frame").bounding_box()["width"]
    pad = 2 * visit.page.evaluate("document.querySelector('#boxes').viewBox.baseVal.width") / wide
    return [
        pytest.approx((b.left - pad, b.top - pad, b.right + pad, b.bottom + pad), abs=NEAR)
        for b in (word.box for word in words)
    ]

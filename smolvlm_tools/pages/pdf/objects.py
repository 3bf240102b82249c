"""What a page draws, in the order in which it draws it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .frame import IDENTITY, Box, Matrix, concat, is_finite
from .library import raw

_DEEPEST = 40
"""Forms within forms, as deep as PDFium draws them."""

_CLIP_PATHS, _CLIP_POINTS = 16, 64
"""Of a clip; longer ones are taken for none, which makes a box larger than what is seen."""


@dataclass(slots=True)
class Drawn:
    """A text, path, image or shading; forms are walked through.

    Attributes:
        at: its place in the order, from 0.
        kind: PDFium's FPDF_PAGEOBJ_*.
        handle: belongs to the page.
        outer: from the form that has it to the page.
    """

    at: int
    kind: int
    handle: Any
    outer: Matrix

    def box(self) -> Box | None:
        """Around it, on the page; None where PDFium knows none."""
        edges = [ctypes.c_float() for _ in range(4)]
        if not raw().FPDFPageObj_GetBounds(self.handle, *edges):
            return None
        box = Box(*(edge.value for edge in edges)).moved(self.outer)
        return box if is_finite(box) else None

    def matrix(self) -> Matrix | None:
        """From its own space to the page; None where PDFium has none or it overflows."""
        matrix = _matrix(self.handle)
        whole = matrix and concat(matrix, self.outer)
        return whole if whole and is_finite(whole) else None

    def clip(self) -> Box | None:
        """Around its own clip path, on the page; None where it has none, or a complex one."""
        pdfium, found = raw(), None
        path = pdfium.FPDFPageObj_GetClipPath(self.handle)
        count = pdfium.FPDFClipPath_CountPaths(path) if path else 0
        for index in range(count if count <= _CLIP_PATHS else 0):
            box = _around(path, index)
            if box is not None:
                found = box if found is None else found.cut(box)
        return found and found.moved(self.outer)


def drawn(page: Any) -> Iterator[Drawn]:
    """All of a page, from the bottom up."""
    pdfium = raw()
    stack = [_children(pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, page.raw)]
    outers, at = [IDENTITY], 0
    while stack:
        handle = next(stack[-1], None)
        if handle is None:
            stack.pop()
            outers.pop()
            continue
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind != pdfium.FPDF_PAGEOBJ_FORM:
            yield Drawn(at, kind, handle, outers[-1])
            at += 1
        elif len(stack) < _DEEPEST:
            stack.append(
                _children(pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, handle)
            )
            outers.append(concat(_matrix(handle) or IDENTITY, outers[-1]))


def _children(count: Any, get: Any, parent: Any) -> Iterator[Any]:
    return filter(None, (get(parent, index) for index in range(count(parent))))


def _matrix(handle: Any) -> Matrix | None:
    pdfium = raw()
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(handle, found):
        return None
    return found.a, found.b, found.c, found.d, found.e, found.f


def _around(path: Any, index: int) -> Box | None:
    pdfium = raw()
    count = pdfium.FPDFClipPath_CountPathSegments(path, index)
    if not 0 < count <= _CLIP_POINTS:
        return None
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[float, float]] = []
    for number in range(count):
        segment = pdfium.FPDFClipPath_GetPathSegment(path, index, number)
        if segment and pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            points.append((x.value, y.value))
    if not points or not is_finite(tuple(value for point in points for value in point)):
        return None
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return Box(min(xs), min(ys), max(xs), max(ys))

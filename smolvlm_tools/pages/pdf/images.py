"""The images that a page draws, as a reader sees them: clipped, and joined from strips."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .frame import UNIT, Box, Frame
from .library import raw
from .objects import Drawn

COVERS_MOST = 0.5
"""Share of a page from which on an image is what the page shows."""

_TOUCH = 1.5
"""Points between strips of one image: producers round their edges."""

_ROUNDS = 8
"""Tiles join to rows, rows to columns, and so on; two rounds are enough for a grid."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """An image, or strips and tiles of one that touch and line up.

    Attributes:
        at: where the first of them comes in the drawing order.
        box: the visible part, in points.
        density: stored pixels a point, by area.
        is_opaque: whether none lets what is beneath shine through, as far as PDFium says.
    """

    at: int
    box: Box
    density: float
    is_opaque: bool

    def join(self, other: PageImage) -> PageImage:
        return PageImage(
            min(self.at, other.at),
            self.box.join(other.box),
            max(self.density, other.density),
            self.is_opaque and other.is_opaque,
        )


def find_images(objects: Iterable[Drawn], frame: Frame) -> list[PageImage]:
    """The visible images among objects, joined, in drawing order."""
    image = raw().FPDF_PAGEOBJ_IMAGE
    found = [_image(object_, frame) for object_ in objects if object_.kind == image]
    return _join([image for image in found if image is not None])


def _image(object_: Drawn, frame: Frame) -> PageImage | None:
    pdfium = raw()
    matrix = object_.matrix()
    if matrix is None:
        return None
    box = UNIT.moved(matrix).cut(frame.box)
    clip = None if box.is_empty else object_.clip()
    if clip is not None:
        box = box.cut(clip)
    area = abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])
    if box.is_empty or not area:
        return None
    width, height = pixel_size(object_.handle)
    see_through = pdfium.FPDFPageObj_HasTransparency(object_.handle)
    density = math.sqrt(width * height / area)
    return PageImage(object_.at, box, density, not see_through)


def pixel_size(handle: Any) -> tuple[int, int]:
    """The size that an image declares; (0, 0) where PDFium finds none."""
    width, height = ctypes.c_uint(), ctypes.c_uint()
    if not raw().FPDFImageObj_GetImagePixelSize(handle, width, height):
        return 0, 0
    return width.value, height.value


def _join(images: list[PageImage]) -> list[PageImage]:
    for _ in range(_ROUNDS):
        before = len(images)
        images = _stack(images, lambda box: (box.left, box.right, box.bottom, box.top))
        images = _stack(images, lambda box: (box.bottom, box.top, box.left, box.right))
        if len(images) == before:
            break
    return sorted(images, key=lambda image: image.at)


def _stack(
    images: list[PageImage], edges: Callable[[Box], tuple[float, float, float, float]]
) -> list[PageImage]:
    """Join those between the same two edges of which each starts where the one before ends."""
    ordered = sorted(images, key=lambda image: tuple(round(e, 0) for e in edges(image.box)))
    joined: list[PageImage] = []
    for image in ordered:
        last = joined[-1] if joined else None
        if last is not None and _continue_each_other(edges(last.box), edges(image.box)):
            joined[-1] = last.join(image)
        else:
            joined.append(image)
    return joined


def _continue_each_other(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    same_edges = abs(one[0] - other[0]) <= _TOUCH and abs(one[1] - other[1]) <= _TOUCH
    return same_edges and abs(other[2] - one[3]) <= _TOUCH

"""Which text objects of a page its reader cannot see.

Recognised: invisible by render mode (3, and 7, which only clips), a fully transparent fill, white
letters where nothing was painted beneath, letters under one point, text off the page, and text
under an opaque image that covers most of the page. Not recognised: text under a smaller image or
a painted box (a redaction that hides without removing), text in the colour of what is painted
beneath it, text that a clip cuts away, layers (optional content) that are switched off. Taken for
hidden though seen: letters through which a picture or gradient is painted (mode 7), and text under
an image over most of the page that is opaque but for its own mask, which PDFium does not tell.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

from .frame import Box, Frame
from .images import COVERS_MOST, PageImage
from .library import raw
from .objects import Drawn

_FILLS, _CLIPS_ONLY, _INVISIBLE = (0, 4), 7, 3  # ISO 32000-1, table 106
_WHITE = 250
_LEGIBLE = 1.0
"""Points."""

_COMPARISONS = 1_000_000
"""Of white texts with what is painted; after those, white text counts as unseen."""

_COVERS = 16
"""Images over most of the page that are looked at, the topmost."""


def hidden_texts(
    objects: list[Drawn], images: list[PageImage], frame: Frame
) -> tuple[list[Drawn], int]:
    """The text objects that are not seen, and how many text objects there are."""
    text, covers = raw().FPDF_PAGEOBJ_TEXT, _covers(images, frame)
    texts = [object_ for object_ in objects if object_.kind == text]
    white: list[Drawn] = []
    hidden: list[Drawn] = []
    for object_ in texts:
        colour = _fill(object_.handle)
        if _is_invisible(object_, colour, frame, covers):
            hidden.append(object_)
        elif colour is not None and min(colour[:3]) >= _WHITE:
            white.append(object_)
    return hidden + (_unpainted(white, objects) if white else []), len(texts)


def _covers(images: list[PageImage], frame: Frame) -> list[PageImage]:
    least = COVERS_MOST * frame.box.area
    return [image for image in images if image.is_opaque and image.box.area >= least][-_COVERS:]


def _is_invisible(
    object_: Drawn, colour: tuple[int, ...] | None, frame: Frame, covers: list[PageImage]
) -> bool:
    mode = raw().FPDFTextObj_GetTextRenderMode(object_.handle)
    if mode in (_INVISIBLE, _CLIPS_ONLY) or (colour is not None and colour[3] == 0):
        return True
    if _letter_height(object_) < _LEGIBLE:
        return True
    box = object_.box()
    if box is None:
        return False
    if box.cut(frame.box).is_empty and not (box.width == 0 or box.height == 0):
        return True
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    return any(image.at > object_.at and image.box.holds(x, y) for image in covers)


def _fill(handle: Any) -> tuple[int, ...] | None:
    """Red, green, blue and alpha, 0 to 255; None where text is not (only) filled with a colour."""
    pdfium = raw()
    if pdfium.FPDFTextObj_GetTextRenderMode(handle) not in _FILLS:
        return None
    parts = [ctypes.c_uint() for _ in range(4)]
    known = pdfium.FPDFPageObj_GetFillColor(handle, *parts)
    return tuple(part.value for part in parts) if known else None


def _letter_height(object_: Drawn) -> float:
    """Font size on the page, in points; infinite where PDFium does not say."""
    size, matrix = ctypes.c_float(), object_.matrix()
    if matrix is None or not raw().FPDFTextObj_GetFontSize(object_.handle, size):
        return math.inf
    return abs(size.value) * math.hypot(matrix[2], matrix[3])


def _unpainted(white: list[Drawn], objects: list[Drawn]) -> list[Drawn]:
    """Of white texts, those where nothing was painted before: the page itself is white."""
    text, painted, found = raw().FPDF_PAGEOBJ_TEXT, list[Box](), list[Drawn]()
    wanted, left = {object_.at for object_ in white}, _COMPARISONS
    for object_ in objects:
        wants = object_.at in wanted if object_.kind == text else _paints(object_)
        box = object_.box() if wants else None
        if box is None:
            continue
        if object_.kind != text:
            painted.append(box)
            continue
        x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        if left > 0 and any(other.holds(x, y) for other in painted):
            continue
        left -= len(painted)
        found.append(object_)
    return found


def _paints(object_: Drawn) -> bool:
    """Whether something other than text leaves a mark on white paper that is not only a line."""
    pdfium = raw()
    if object_.kind != pdfium.FPDF_PAGEOBJ_PATH:
        return True
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if pdfium.FPDFPath_GetDrawMode(object_.handle, fill, stroke) and not fill.value:
        return False
    parts = [ctypes.c_uint() for _ in range(4)]
    known = pdfium.FPDFPageObj_GetFillColor(object_.handle, *parts)
    red, green, blue, alpha = (part.value for part in parts)
    return not known or (alpha > 0 and min(red, green, blue) < _WHITE)

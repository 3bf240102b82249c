"""The text layer of a page, and what it is worth."""

from __future__ import annotations

import ctypes
import re
from contextlib import closing
from typing import Any

from ...unsafe import UNSAFE
from ..content import LayerKind, TextLayer
from .frame import Frame
from .images import COVERS_MOST, PageImage, find_images
from .layer_judge import WRONG_SHARE, count_visible, is_garbage
from .library import raw
from .objects import Drawn, drawn
from .visibility import hidden_texts

LITTLE_OVER_IMAGE = 200
"""Visible characters. Over an image that covers most of a page, fewer are a page number, a stamp or
the line of a download site (JSTOR's has 150), and the text that readers see is in the image."""

LITTLE_AMONG_PATHS, MANY_PATHS = 50, 150
"""Visible characters, paths. Fewer on a page of more are a page number beside letters that were
turned into outlines, or a drawing."""

_LINE_END = re.compile("\r\n?")
_LINE_HYPHEN = "\ufffe"
"""PDFium's mark where a word was divided at the end of a line; Chrome drops it from what it copies,
too (`PDFiumRange::GetText`)."""


def clean(text: str) -> str:
    """PDFium's text of a page as it is handed on.

    Line ends become line feeds; words divided at a line's end are whole again; characters that
    steer a terminal or hide text (`smolvlm_tools.unsafe`) are left out.
    """
    return UNSAFE.sub("", _LINE_END.sub("\n", text).replace(_LINE_HYPHEN, ""))


def read_layer(page: Any) -> TextLayer:
    """The text of a page, without rendering anything."""
    with closing(page.get_textpage()) as characters:
        given = characters.get_text_range()
        text = clean(given)
        if not text.strip():
            return TextLayer("", "none")
        objects, frame = list(drawn(page)), Frame.of(page)
        images = find_images(objects, frame)
        visible = count_visible(text)
        unseen, texts = hidden_texts(objects, images, frame)
        hidden = visible if len(unseen) == texts else _count_hidden(characters, unseen)
        judged = given.replace(_LINE_HYPHEN, "")
        kind: LayerKind = "digital"
        beyond = sum(not char.isascii() for char in judged)
        unmapped = _count_unmapped(characters) if beyond > WRONG_SHARE * visible else 0
        if is_garbage(judged, unmapped):
            kind = "garbage"
        elif hidden > visible / 2:
            kind = "ocr"
        elif visible - hidden < _least(objects, images, frame):
            kind = "none"
        return TextLayer(text, kind, has_hidden=hidden > 0)


def _least(objects: list[Drawn], images: list[PageImage], frame: Frame) -> int:
    """How many visible characters make a layer the text of this page."""
    if any(image.box.area >= COVERS_MOST * frame.box.area for image in images):
        return LITTLE_OVER_IMAGE
    paths = sum(object_.kind == raw().FPDF_PAGEOBJ_PATH for object_ in objects)
    return LITTLE_AMONG_PATHS if paths > MANY_PATHS else 1


def _count_hidden(characters: Any, hidden: list[Drawn]) -> int:
    """Characters other than white space that hidden objects have."""
    if not hidden:
        return 0
    pdfium, places = raw(), {ctypes.addressof(object_.handle.contents) for object_ in hidden}
    count = 0
    for index in range(characters.count_chars()):
        owner = pdfium.FPDFText_GetTextObject(characters, index)
        if owner and ctypes.addressof(owner.contents) in places:
            count += not chr(pdfium.FPDFText_GetUnicode(characters, index)).isspace()
    return count


def _count_unmapped(characters: Any) -> int:
    """Characters beyond ASCII that a font maps to no letter, for which PDFium gives their code.

    One by itself is a bullet or sign of a symbol font and does not count. Those within ASCII may be
    right, and are judged by the words they make.
    """
    pdfium, count, last = raw(), 0, False
    for index in range(characters.count_chars()):
        is_unmapped = pdfium.FPDFText_HasUnicodeMapError(characters, index) == 1
        if is_unmapped and last and pdfium.FPDFText_GetUnicode(characters, index) > 126:
            count += 1
        last = is_unmapped
    return count

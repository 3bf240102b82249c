"""The suffixes by which files are chosen in folders."""

from __future__ import annotations

from PIL import Image

from smolvlm_tools.images.formats import FORMATS
from smolvlm_tools.pages import SUFFIXES


def test_every_format_has_the_suffixes_that_pillow_knows_for_it():
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert {".png", ".tiff", ".webp"} <= known
    assert known <= set(SUFFIXES)
    assert {".pdf", ".heic", ".heif"} <= set(SUFFIXES)
    assert all(suffix == suffix.lower() for suffix in SUFFIXES)

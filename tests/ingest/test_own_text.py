"""When a page's own text stands in for its transcription."""

from __future__ import annotations

import pytest

from smolvlm_tools.ingest import read_own_text
from smolvlm_tools.pages import open_pages
from tests.support.documents import tiff
from tests.support.own_texts import DIGITAL, GARBAGE, HIDDEN, NONE, OCR, give_layers


@pytest.mark.parametrize(
    ("layer", "choice", "is_used", "text", "flags"),
    [
        (DIGITAL, "auto", True, "Born digital.", ()),
        (DIGITAL, "layer", True, "Born digital.", ()),
        (HIDDEN, "auto", True, "Seen and unseen.", ("hidden_text",)),
        (GARBAGE, "auto", False, "", ("garbage_layer",)),
        (OCR, "auto", False, "", ("ocr_layer",)),
        (NONE, "auto", False, "", ()),
        (None, "auto", False, "", ()),
        (OCR, "layer", True, "0CR", ("ocr_layer",)),
        (None, "layer", True, "", ()),
    ],
)
def test_sound_text_is_used_and_any_text_where_the_model_may_not_be_asked(
    monkeypatch, layer, choice, is_used, text, flags
):
    give_layers(monkeypatch, layer)
    with open_pages(tiff("red", "blue")) as pages:
        own = read_own_text(pages, 1, choice)
    assert own is not None
    assert (own.is_used, own.text, own.flags) == (is_used, text, flags)


def test_a_layer_is_not_even_read_where_the_model_is_to_be_asked(monkeypatch):
    give_layers(monkeypatch, DIGITAL)
    with open_pages(tiff("red", "blue")) as pages:
        assert read_own_text(pages, 1, "model") is None

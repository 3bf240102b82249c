"""When a page's own text stands in for its transcription."""

from __future__ import annotations

import pytest

from smolvlm_tools.ingest import read_own_text
from smolvlm_tools.pages import open_pages
from tests.support.documents import tiff
from tests.support.own_texts import DIGITAL, GARBAGE, NONE, OCR, give_layers


@pytest.mark.parametrize(
    ("layer", "choice", "is_used", "text"),
    [
        (DIGITAL, "auto", True, "Born digital."),
        (DIGITAL, "layer", True, "Born digital."),
        (GARBAGE, "auto", False, ""),
        (OCR, "auto", False, ""),
        (NONE, "auto", False, ""),
        (None, "auto", False, ""),
        (GARBAGE, "layer", True, ""),
        (None, "layer", True, ""),
    ],
)
def test_only_sound_text_is_used_and_the_model_is_not_asked_where_that_is_forbidden(
    monkeypatch, layer, choice, is_used, text
):
    give_layers(monkeypatch, layer)
    with open_pages(tiff("red", "blue")) as pages:
        own = read_own_text(pages, 1, choice)
    assert own is not None and (own.is_used, own.text) == (is_used, text)
    assert own.layer.kind == (layer.kind if layer else "none")


def test_a_layer_is_not_even_read_where_the_model_is_to_be_asked(monkeypatch):
    give_layers(monkeypatch, DIGITAL)
    with open_pages(tiff("red", "blue")) as pages:
        assert read_own_text(pages, 1, "model") is None

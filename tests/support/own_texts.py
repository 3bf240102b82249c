"""Documents whose pages have a text layer, whatever reads it."""

from __future__ import annotations

from smolvlm_tools.pages import Pages, TextLayer

DIGITAL = TextLayer("Born digital.\n", "digital")
HIDDEN = TextLayer("Seen and unseen.", "digital", has_hidden=True)
GARBAGE = TextLayer("\ufffd\ufffd\x01", "garbage")
OCR = TextLayer("0CR", "ocr")
NONE = TextLayer("", "none")


def give_layers(monkeypatch, *layers: TextLayer | None) -> None:
    """Every document's pages have these layers from now on; pages without one have None."""

    def text(pages: Pages, number: int) -> TextLayer | None:
        return layers[number - 1] if number <= len(layers) else None

    monkeypatch.setattr(Pages, "text", text)

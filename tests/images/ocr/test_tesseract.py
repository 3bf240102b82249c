"""Tesseract, the program."""

from __future__ import annotations

import shutil
import sys

import pytest
from PIL import Image

from smolvlm_tools import BackendUnavailable, ModelInvalid
from smolvlm_tools.images.ocr.tesseract import TesseractRecognizer, words_of
from smolvlm_tools.types import Box
from tests.support.ocr import written

HEAD = "level page_num block_num par_num line_num word_num left top width height conf text"
ROWS = (
    "4 1 1 1 1 0 36 92 582 92 -1 ",
    "5 1 1 1 1 1 36 92 60 24 96.5 This",
    '5 1 1 1 1 2 109 92 20 24 95 "is',
    "5 1 1 1 2 1 141 126 15 24 12 a",
    "5 1 1 1 3 1 164 160 33 24 80 lot",
)


def table(*rows: str) -> str:
    return "\n".join("\t".join(row.split(" ")) for row in (HEAD, *rows))


def test_its_table_is_read_without_what_it_is_not_sure_of():
    this, quoted, lot = words_of(table(*ROWS))
    assert (this.text, this.box, this.confidence) == (
        "This",
        Box(left=36, top=92, right=96, bottom=116),
        0.965,
    )
    assert (quoted.text, quoted.line, lot.line) == ('"is', 0, 1)


@pytest.mark.parametrize("text", ["level\tleft\n5\t3\n", table("5 1 1 1 1 1 x 92 60 24 96 This")])
def test_another_table_is_refused(text):
    with pytest.raises(ModelInvalid, match="table cannot be read"):
        words_of(text)


def test_without_the_program_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match="not on the PATH"):
        TesseractRecognizer()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_program_that_fails_is_an_error_with_its_words(monkeypatch, tmp_path):
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\necho 'no data for eng' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelInvalid, match="no data for eng"):
        TesseractRecognizer()


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_it_reads_print():
    page, _ = written("The quick brown fox")
    recognizer = TesseractRecognizer()
    assert "tesseract" in recognizer.name
    assert [word.text for word in recognizer.read(page)] == ["The", "quick", "brown", "fox"]
    assert recognizer.read(Image.new("RGB", (200, 100), "white")) == ()

"""Real documents: records or a typed error for every file, and nothing silent."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest

from smolvlm_tools.ingest import Reading, Wish, ingest
from tests.support.documents import pdf_only
from tests.support.ingesting import CountingEngine
from tests.support.paths import REAL, real_only
from tests.support.records import read_lines

pytestmark = [pdf_only, real_only]
BORN_DIGITAL = (
    "DA-1p.pdf",
    "amt_handbook_sample.pdf",
    "embedded-images-tables.pdf",
    "layout-parser-paper-fast.pdf",
    "multi_page.pdf",
    "picture_classification.pdf",
)
SCANS = {
    "eurotext.tif",
    "phototest.tif",
    "phototest-rotated-right.png",
    "ocr_test.pdf",
    "ocr_test_rotated_90.pdf",
}


@pytest.fixture(scope="module")
def records(tmp_path_factory, embedded):
    """Records of a copy of the folder, by file and page."""
    place = tmp_path_factory.mktemp("real")
    shutil.copytree(REAL, place / "real")
    with CountingEngine.make() as vlm:
        summary = ingest(
            place / "real",
            place / "out.jsonl",
            engine=vlm,
            wish=Wish(tasks=("transcription",), options={"max_new_tokens": 8}),
            reading=Reading(longest_edge=1024),
        )
    found = read_lines(place / "out.jsonl")
    assert summary.records == len(found)
    return {(each["source"].rpartition("/")[2], each["page"]): each for each in found}


def files():
    return sorted(path.name for path in REAL.iterdir() if path.suffix not in (".txt", ".md"))


@pytest.mark.parametrize("name", files() if REAL.is_dir() else [])
def test_every_file_gives_a_record_a_page_or_a_typed_error(name, records):
    mine = {page: each for (source, page), each in records.items() if source == name}
    assert mine, "silent"
    first = next(iter(mine.values()))
    if first["error"]:
        assert first["error"]["code"] and first["error"]["remedy"]
        return
    assert sorted(mine) == list(range(1, first["pages"] + 1))
    for each in mine.values():
        told = each["text"] or "blank_image" in each["flags"]
        assert told, "neither a text nor a reason"
        assert each["text_source"] in (("layer", "model", "both") if each["text"] else (None,))


@pytest.mark.parametrize("name", BORN_DIGITAL)
def test_texts_of_born_digital_pages_are_pdfiums(name, records):
    import pypdfium2

    with closing(pypdfium2.PdfDocument(REAL / name)) as document:
        for page in range(1, len(document) + 1):
            with closing(document[page - 1].get_textpage()) as text:
                expected = text.get_text_range().replace("\r\n", "\n").replace("\ufffe", "")
            assert records[name, page]["text"] == {"transcription": expected}
            assert records[name, page]["text_source"] == "layer"


def test_scans_are_looked_at_and_empty_pages_are_not(records):
    for name in SCANS:
        assert records[name, 1]["text_source"] == "model"
    empty = records["no_contents.pdf", 1]
    assert (empty["text"], empty["flags"], empty["model"]) == ({}, ["blank_image"], None)


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("phototest.tif", False),
        ("phototest-rotated-right.png", True),
        ("ocr_test.pdf", False),
        ("ocr_test_rotated_90.pdf", True),
    ],
)
def test_pages_that_lie_on_their_side_are_turned_and_it_is_said(records, name, turned):
    assert ("turned" in records[name, 1]["flags"]) == turned

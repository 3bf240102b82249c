"""LangChain's loader and LlamaIndex's reader say the same of the same pages, as the docs tell."""

from __future__ import annotations

import re

import pytest

from smolvlm_tools.ingest import Record
from smolvlm_tools.pages import open_pages
from tests.support.documents import pdf_only
from tests.support.llama_index_scenes import paged
from tests.support.paths import REAL, ROOT, real_only
from tests.support.pdf_pages import lines, page
from tests.support.sound_texts import PROSE

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
from langchain_smolvlm import SmolVLMLoader
from llama_index.readers.smolvlm import SmolVLMImageReader


def by_both(path, **options):
    """Documents of LangChain and of LlamaIndex."""
    loader, reader = SmolVLMLoader(path, **options), SmolVLMImageReader(**options)
    found = loader.load(), reader.load_data(path)
    loader.close()
    reader.close()
    assert [d.page_content for d in found[0]] == [d.text for d in found[1]]
    return found


def test_the_same_is_known_of_a_scan(embedded, tmp_path):
    paged(tmp_path / "scan.tif", ["red", "blue"])
    for one, other in zip(
        *by_both(tmp_path / "scan.tif", model=embedded, mode="caption"), strict=True
    ):
        mine, theirs = one.metadata, other.metadata
        assert mine["source"] == theirs["file_path"]
        assert str(mine["page"] + 1) == theirs["page_label"]
        assert mine["total_pages"] == theirs["pages"]
        assert (mine["width"], mine["height"]) == (theirs["image_width"], theirs["image_height"])
        assert mine["confidence"] == pytest.approx(theirs["caption_confidence"], abs=1e-3)
        assert mine["finish_reason"] == [theirs["caption_finish_reason"]]
        for name in ("image_sha256", "text_source"):
            assert mine[name] == theirs[name]
        for name in ("model", "revision", "precision"):
            assert mine.get(name) == theirs.get(f"smolvlm_{name}")


@pdf_only
def test_the_text_of_a_digital_page_is_the_documents_own(tmp_path):
    (tmp_path / "letter.pdf").write_bytes(page(lines(PROSE["English"])))
    with open_pages(tmp_path / "letter.pdf") as pages:
        expected = pages.text(1)
    assert expected.is_sound
    ((one,), (other,)) = by_both(tmp_path / "letter.pdf", model="none", mode="transcription")
    assert one.page_content == expected.text.strip()
    assert one.metadata["text_source"] == other.metadata["text_source"] == "layer"


@pdf_only
@real_only
@pytest.mark.parametrize("name", ["multi_page.pdf", "layout-parser-paper-fast.pdf"])
def test_real_digital_documents_need_no_model(name):
    mine, theirs = by_both(REAL / name, model="none", mode="transcription")
    assert all(d.page_content and d.metadata["text_source"] == "layer" for d in mine)
    assert [d.metadata["text_source"] for d in theirs] == ["layer"] * len(mine)


def test_the_table_of_the_docs_names_fields_that_are_there(embedded, tmp_path):
    table = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)`[^|]* \| `(\w+)`", table, re.MULTILINE)
    assert len(rows) >= 10
    paged(tmp_path / "scan.tif", ["red", "blue"])
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    mine, theirs = set(), set()
    for path in ("scan.tif", "broken.tif"):
        options = {"model": embedded, "mode": "both", "on_error": "record"}
        one, other = by_both(tmp_path / path, options={"max_new_tokens": 2}, **options)
        mine |= one[0].metadata.keys()
        theirs |= other[0].metadata.keys()
    may_be_missing = {"revision", "smolvlm_revision"}  # of a folder there is none
    for record, in_langchain, in_llama_index in rows:
        assert record in Record.model_fields
        assert in_langchain in mine | may_be_missing
        assert in_llama_index in theirs | may_be_missing

"""Documents of `SmolVLMBlobParser`: chosen pages, their own text, metadata, the cache."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.documents.base import Blob
from langchain_smolvlm import SmolVLMBlobParser, SmolVLMLoader

from smolvlm_tools import BadOptions
from tests.support.interrupted import LOADER, check_goes_on
from tests.support.llama_index_scenes import paged, picture
from tests.support.own_texts import DIGITAL, GARBAGE, HIDDEN, OCR, give_layers

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def scan(tmp_path):
    paged(tmp_path / "scan.tif", COLOURS)
    return Blob.from_path(tmp_path / "scan.tif")


def parse(blob, **options):
    return list(SmolVLMBlobParser(**options).lazy_parse(blob))


@pytest.mark.parametrize(
    ("pages", "expected"), [("1,3", [0, 2]), ("2-", [1, 2]), (2, [1]), (None, [0, 1, 2])]
)
def test_pages_are_chosen(scripted, scan, pages, expected):
    vlm, backend = scripted
    found = parse(scan, engine=vlm, mode="caption", pages=pages)
    assert [d.metadata["page"] for d in found] == expected
    assert all(d.metadata["total_pages"] == 3 for d in found)
    assert backend.prefills == len(expected)


def test_a_page_that_is_not_there_is_the_files_error(scripted, scan):
    vlm, _ = scripted
    with pytest.raises(BadOptions, match=r"no page 4 in .*scan\.tif"):
        parse(scan, engine=vlm, pages="4")
    (found,) = parse(scan, engine=vlm, pages="4", on_error="record")
    assert found.metadata["error"] == "bad_options"
    with pytest.raises(BadOptions, match="pages="):
        SmolVLMBlobParser(engine=vlm, pages="first")


def test_sound_text_is_taken_and_the_model_reads_the_other_pages(scripted, scan, monkeypatch):
    vlm, backend = scripted
    give_layers(monkeypatch, DIGITAL, GARBAGE, OCR)
    found = parse(scan, engine=vlm)
    assert backend.prefills == 2
    assert found[0].page_content == "Born digital."
    assert [d.metadata["text_source"] for d in found] == ["layer", "model", "model"]
    assert [d.metadata["flags"] for d in found] == [[], ["garbage_layer"], ["ocr_layer"]]
    about = found[0].metadata
    assert about["flags"] == about["finish_reason"] == []
    assert "model" not in about and "image_sha256" not in about
    assert {"model", "confidence", "image_sha256", "precision"} <= set(found[1].metadata)


def test_captions_are_still_the_models(scripted, scan, monkeypatch):
    vlm, backend = scripted
    give_layers(monkeypatch, HIDDEN)
    first, second, _ = parse(scan, engine=vlm, mode="both")
    caption = second.page_content.split("\n\n")[0]
    assert first.page_content == f"{caption}\n\nSeen and unseen."
    assert (first.metadata["text_source"], second.metadata["text_source"]) == ("both", "model")
    assert first.metadata["flags"] == ["hidden_text"]
    assert backend.prefills == 1 + 2 + 2


def test_where_the_text_comes_from_can_be_said(scripted, scan, monkeypatch):
    vlm, backend = scripted
    give_layers(monkeypatch, DIGITAL, OCR)
    by_model = parse(scan, engine=vlm, text="model")
    assert backend.prefills == 3
    assert all(d.metadata["text_source"] == "model" for d in by_model)
    by_layer = parse(scan, text="layer", model="no model at all")
    assert [d.page_content for d in by_layer] == ["Born digital.", "0CR", ""]
    assert [d.metadata["flags"] for d in by_layer] == [[], ["ocr_layer"], []]
    assert [d.metadata.get("text_source") for d in by_layer] == ["layer", "layer", None]
    answered = parse(scan, engine=vlm, text="layer", question="What is it?", pages=1)
    assert answered[0].metadata["text_source"] == "model"
    with pytest.raises(BadOptions, match="unknown text"):
        SmolVLMBlobParser(text="ocr")


def test_the_model_is_not_loaded_where_nothing_needs_it(scan, monkeypatch):
    give_layers(monkeypatch, DIGITAL, DIGITAL, DIGITAL)
    assert len(parse(scan, model="no model at all")) == 3


def test_the_metadata_say_what_is_known(embedded, tmp_path):
    picture(tmp_path / "a.png")
    blob = Blob.from_path(tmp_path / "a.png", metadata={"owner": "me"})
    (found,) = parse(blob, model=embedded, mode="caption")
    about = found.metadata
    assert about["source"] == str(tmp_path / "a.png") and about["owner"] == "me"
    assert (about["page"], about["total_pages"]) == (0, 1)
    assert about["model"] == "smolvlm-embedded" and about["precision"]
    assert about["finish_reason"] == ["stop"] and about["text_source"] == "model"
    assert None not in about.values()


def test_pages_without_a_name_have_their_documents_digest(scripted, tmp_path):
    vlm, _ = scripted
    paged(tmp_path / "scan.tif", COLOURS)
    blob = Blob.from_data((tmp_path / "scan.tif").read_bytes())
    sources = {d.metadata["source"] for d in parse(blob, engine=vlm, mode="caption")}
    assert len(sources) == 1 and sources.pop().startswith("sha256:")


def test_a_parser_is_eager_where_langchain_says_so(scripted, scan):
    vlm, _ = scripted
    found = SmolVLMBlobParser(engine=vlm, mode="caption").parse(scan)
    assert [d.metadata["page"] for d in found] == [0, 1, 2]


def test_replies_are_kept_and_the_model_is_not_loaded_for_them(embedded, scan, tmp_path):
    options = {
        "model": embedded, "mode": "both", "cache": tmp_path / "kept",
        "load_options": {"max_queue": 29},
    }  # fmt: skip
    loader = SmolVLMLoader(scan.path, **options)
    first = loader.load()
    loader.close()
    again = SmolVLMLoader(scan.path, **options)
    second = again.load()
    assert again._parser._source.loaded is None
    assert [(d.page_content, d.metadata) for d in second] == [
        (d.page_content, d.metadata) for d in first
    ]


def test_a_loader_that_is_killed_goes_on_where_it_was(embedded, tmp_path):
    check_goes_on(LOADER, tmp_path / "scans", tmp_path / "kept")

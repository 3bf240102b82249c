"""What documents of `SmolVLMImageReader` say of their pages: place, own text, errors."""

from __future__ import annotations

import asyncio
import logging
from importlib.util import find_spec

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
import fsspec
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import MetadataMode
from llama_index.readers.smolvlm import (
    IMAGE_SUFFIXES,
    SmolVLMImageReader,
    SmolVLMTransform,
    with_image_sha256,
)

from smolvlm_tools import BadOptions
from tests.support.broken_pages import with_a_broken_page
from tests.support.llama_index_folders import of_folder
from tests.support.llama_index_scenes import paged, picture
from tests.support.own_texts import DIGITAL, GARBAGE, HIDDEN, OCR, give_layers
from tests.support.paths import REAL, SHAPES, real_only


@pytest.fixture
def scan(tmp_path):
    paged(tmp_path / "scan.tif", ["red", "green", "blue"])
    return tmp_path / "scan.tif"


def labels(documents):
    return [document.metadata["page_label"] for document in documents]


@pytest.mark.parametrize(
    ("pages", "expected"), [("1,3", ["1", "3"]), ("2-", ["2", "3"]), (2, ["2"])]
)
def test_pages_are_chosen(counting, scan, pages, expected):
    backend, vlm = counting
    reader = SmolVLMImageReader(engine=vlm, mode="caption", pages=pages)
    assert labels(reader.load_data(scan)) == expected
    assert backend.prefills == len(expected)
    assert labels(asyncio.run(reader.aload_data(scan))) == expected


def test_a_page_that_is_not_there_is_the_files_error(counting, scan):
    _, vlm = counting
    with pytest.raises(BadOptions, match=r"no page 4 in .*scan\.tif"):
        SmolVLMImageReader(engine=vlm, pages="4").load_data(scan)
    recording = SmolVLMImageReader(engine=vlm, pages="4", on_error="record")
    (found,) = recording.load_data(scan)
    assert found.metadata["smolvlm_error"] == "bad_options"
    with pytest.raises(BadOptions, match="pages="):
        SmolVLMImageReader(engine=vlm, pages="first")


def test_sound_text_is_taken_and_the_model_reads_the_other_pages(counting, scan, monkeypatch):
    backend, vlm = counting
    give_layers(monkeypatch, DIGITAL, GARBAGE, OCR)
    reader = SmolVLMImageReader(engine=vlm, mode="transcription")
    found = reader.load_data(scan)
    assert backend.prefills == 2
    assert [d.text for d in found] == ["Born digital.", "a shape", "a shape"]
    assert [d.metadata["text_source"] for d in found] == ["layer", "model", "model"]
    flags = [d.metadata.get("transcription_flags") for d in found]
    assert flags == [None, "garbage_layer", "ocr_layer"]
    assert "smolvlm_model" not in found[0].metadata and found[0].image_resource.data
    there = asyncio.run(reader.aload_data(scan))
    assert [(d.text, d.metadata) for d in there] == [(d.text, d.metadata) for d in found]


def test_captions_are_still_the_models(counting, scan, monkeypatch):
    backend, vlm = counting
    give_layers(monkeypatch, HIDDEN)
    found = SmolVLMImageReader(engine=vlm, mode="both", pages="1-2").load_data(scan)
    assert [d.text for d in found] == ["a shape\n\nSeen and unseen.", "a shape\n\na shape"]
    assert [d.metadata["text_source"] for d in found] == ["both", "model"]
    assert found[0].metadata["transcription_flags"] == "hidden_text"
    assert backend.prefills == 1 + 2


def test_where_the_text_comes_from_can_be_said(counting, scan, monkeypatch):
    backend, vlm = counting
    give_layers(monkeypatch, DIGITAL, OCR)
    by_model = SmolVLMImageReader(engine=vlm, mode="transcription", text="model")
    assert {d.metadata["text_source"] for d in by_model.load_data(scan)} == {"model"}
    assert backend.prefills == 3
    by_layer = SmolVLMImageReader(
        model="no model at all", mode="transcription", text="layer", keep_image=False
    )
    found = by_layer.load_data(scan)
    assert [d.text for d in found] == ["Born digital.", "0CR", ""]
    assert found[1].metadata["transcription_flags"] == "ocr_layer"
    assert [d.metadata.get("text_source") for d in found] == ["layer", "layer", None]
    assert all("image_sha256" not in d.metadata and d.image_resource is None for d in found)
    with pytest.raises(ValueError, match="text"):
        SmolVLMImageReader(text="ocr")


def test_documents_say_where_they_come_from(tmp_path, scan, counting):
    _, vlm = counting
    reader = SmolVLMImageReader(engine=vlm, mode="caption")
    (first, *_) = reader.load_data(scan)
    assert first.metadata["file_path"] == str(scan)
    assert f"file_path: {scan}" in first.get_content(MetadataMode.LLM)
    assert first.get_content(MetadataMode.EMBED) == first.text
    fs = fsspec.filesystem("memory")
    fs.pipe("/scans/a.png", SHAPES.read_bytes())
    (there,) = reader.load_data("/scans/a.png", fs=fs)
    assert there.metadata["file_path"] == "/scans/a.png"
    (first, *_) = of_folder(tmp_path, reader).load_data()
    (as_llama_index_says, *_) = SimpleDirectoryReader(tmp_path).list_resources()
    assert first.metadata["file_path"] == as_llama_index_says


def test_frames_of_an_animation_are_pages(tmp_path, counting):
    _, vlm = counting
    paged(tmp_path / "moving.gif", ["red", "blue"])
    found = of_folder(tmp_path, SmolVLMImageReader(engine=vlm, mode="caption")).load_data()
    assert labels(found) == ["1", "2"] and {d.metadata["pages"] for d in found} == {2}


def test_photos_of_telephones_are_never_read_as_text(tmp_path, counting):
    _, vlm = counting
    for name in ("a.heic", "b.HEIF"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic no more of it")
    reader = SmolVLMImageReader(engine=vlm, mode="caption", on_error="record")
    assert {".heic", ".heif"} <= set(IMAGE_SUFFIXES)
    if find_spec("pillow_heif") is None:
        with pytest.raises(ImportError, match="pillow-heif"):
            of_folder(tmp_path, reader).load_data()
        return
    found = of_folder(tmp_path, reader).load_data()
    assert [d.text for d in found] == ["", ""]
    assert {d.metadata["smolvlm_error"] for d in found} == {"corrupt_image"}


@real_only
@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="the extra `heic` is not installed")
def test_a_photo_of_a_telephone_is_an_image(counting):
    _, vlm = counting
    (found,) = SmolVLMImageReader(engine=vlm, mode="caption").load_data(REAL / "DA-1p.heic")
    assert found.text == "a shape" and found.metadata["image_type"] == "image/heic"


def test_what_is_wrong_is_left_out_with_a_warning(tmp_path, counting, caplog):
    _, vlm = counting
    with_a_broken_page(tmp_path / "a.tif")
    (tmp_path / "b.png").write_bytes(SHAPES.read_bytes()[:200])
    reader = SmolVLMImageReader(engine=vlm, mode="caption", on_error="skip")
    with caplog.at_level(logging.WARNING):
        found = of_folder(tmp_path, reader).load_data()
    assert labels(found) == ["1", "3"]
    told = [record.getMessage() for record in caplog.records if "left out" in record.message]
    assert len(told) == 2 and "a.tif, page 2" in told[0] and "b.png" in told[1]


def test_a_transform_leaves_out_what_is_wrong_too(tmp_path, counting, caplog):
    _, vlm = counting
    picture(tmp_path / "a.png")
    loaded = SmolVLMImageReader(mode="none").load_data(tmp_path / "a.png")
    gone = with_image_sha256(loaded)[0].model_copy()
    (tmp_path / "b.png").write_bytes(b"no image")
    gone.image_resource = gone.image_resource.model_copy(update={"path": tmp_path / "b.png"})
    see = SmolVLMTransform(engine=vlm, mode="caption", on_error="skip")
    with caplog.at_level(logging.WARNING):
        told = see([gone, *loaded])
    assert [node.text for node in told] == ["a shape"]
    assert gone.node_id in caplog.text

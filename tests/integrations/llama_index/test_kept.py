"""Replies that are kept on disk: for readers and for transforms, also of killed processes."""

from __future__ import annotations

import asyncio
import pickle

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
from llama_index.readers.smolvlm import CacheUnusable, SmolVLMImageReader, SmolVLMTransform

from smolvlm_tools import StoreFull
from smolvlm_tools.ingest import Ledger
from tests.support.interrupted import PIPELINE, READER, check_goes_on
from tests.support.llama_index_folders import of_folder
from tests.support.llama_index_scenes import drawn, paged, picture


@pytest.fixture
def scan(tmp_path):
    paged(tmp_path / "scan.tif", ["red", "green", "blue"])
    return tmp_path / "scan.tif"


def test_a_reader_asks_once(counting, scan, tmp_path):
    backend, vlm = counting
    fields = {"mode": "caption", "cache": tmp_path / "kept"}
    first = SmolVLMImageReader(engine=vlm, **fields).load_data(scan)
    assert backend.prefills == 3
    reader = SmolVLMImageReader(engine=vlm, **fields)
    assert [(d.text, d.metadata) for d in reader.load_data(scan)] == [
        (d.text, d.metadata) for d in first
    ]
    assert len(asyncio.run(reader.aload_data(scan))) == 3 and backend.prefills == 3
    SmolVLMImageReader(engine=vlm, **{**fields, "mode": "both"}).load_data(scan)
    assert backend.prefills == 6, "captions are there, and transcriptions are not"


def test_a_reader_and_a_transform_share_what_is_kept(counting, scan, tmp_path):
    backend, vlm = counting
    fields = {"engine": vlm, "mode": "caption", "cache": tmp_path / "kept"}
    SmolVLMImageReader(**fields).load_data(scan)
    loaded = SmolVLMImageReader(mode="none").load_data(scan)
    told = SmolVLMTransform(**fields)(loaded)
    assert [node.text for node in told] == ["a shape"] * 3 and backend.prefills == 3


def test_an_image_without_a_digest_is_known_by_its_bytes(counting, tmp_path):
    backend, vlm = counting
    picture(tmp_path / "a.png", "red")
    (node,) = SmolVLMImageReader(mode="none").load_data(tmp_path / "a.png")
    del node.metadata["image_sha256"]
    see = SmolVLMTransform(engine=vlm, mode="caption", need_sha256=False, cache=tmp_path / "kept")
    for prefills in (1, 1):
        assert see([node])[0].text == "a shape" and backend.prefills == prefills
    drawn("blue").save(tmp_path / "a.png")
    see([node])
    assert backend.prefills == 2


def test_the_weights_are_not_loaded_where_everything_is_known(embedded, scan, tmp_path):
    fields = {
        "model": embedded, "mode": "caption", "cache": str(tmp_path / "kept"),
        "load_options": {"max_queue": 28},
    }  # fmt: skip
    reader = SmolVLMImageReader(**fields)
    first = [d.text for d in reader.load_data(scan)]
    reader.close()
    for again in (SmolVLMImageReader(**fields), pickle.loads(pickle.dumps(reader))):
        assert [d.text for d in again.load_data(scan)] == first
        assert again._source.loaded is None
    assert SmolVLMImageReader.from_dict(reader.to_dict()).cache == str(tmp_path / "kept")


def test_a_cache_that_cannot_be_used_skips_no_folder(counting, tmp_path, monkeypatch):
    _, vlm = counting
    picture(tmp_path / "scans" / "a.png")
    (tmp_path / "kept").write_text("something else, and quite long at that " * 50)
    reader = SmolVLMImageReader(engine=vlm, mode="caption", cache=tmp_path / "kept")
    with pytest.raises(ImportError, match="ledger"):
        of_folder(tmp_path / "scans", reader).load_data()
    with pytest.raises(CacheUnusable, match="ledger"):
        reader.load_data(tmp_path / "scans" / "a.png")

    def full(*args, **options):
        raise StoreFull("the disk is full", "Make room.")

    reader = SmolVLMImageReader(engine=vlm, mode="caption", cache=tmp_path / "other")
    monkeypatch.setattr(Ledger, "put", full)
    with pytest.raises(ImportError, match="disk is full"):
        of_folder(tmp_path / "scans", reader).load_data()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(READER, id="reader", marks=pytest.mark.slow),
        pytest.param(PIPELINE, id="pipeline"),
    ],
)
def test_what_is_killed_goes_on_where_it_was(embedded, tmp_path, program):
    check_goes_on(program, tmp_path / "scans", tmp_path / "kept")

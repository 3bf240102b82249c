"""`SmolVLMLoader` over folders and patterns, and what it does with broken files and pages."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

import fsspec
from langchain_smolvlm import SmolVLMLoader

from smolvlm_tools import BadOptions, CorruptImage, ImageNotFound, SmolVLMError
from tests.support.broken_pages import with_a_broken_page
from tests.support.llama_index_scenes import paged, picture
from tests.support.paths import SHAPES


@pytest.fixture
def folder(tmp_path):
    """Images at several depths, hidden ones, and files of other kinds."""
    top = tmp_path / "scans"
    for name in ("b.png", "a.PNG", "deep/er/c.jpg", "deep/a.gif", ".hidden.png", ".git/d.png"):
        picture(top / name)
    (top / "notes.txt").write_text("no image")
    paged(top / "deep" / "two.tif", ["red", "blue"])
    return top


@pytest.fixture(scope="module")
def load(embedded):
    """Loads documents with captions by the embedded model, here and in an event loop."""
    loaders = []

    def made(paths, **options):
        loader = SmolVLMLoader(paths, model=embedded, **{"mode": "caption", **options})
        loaders.append(loader)
        here = loader.load()
        there = asyncio.run(loader.aload())
        assert [(d.page_content, d.metadata) for d in here] == [
            (d.page_content, d.metadata) for d in there
        ]
        return here

    yield made
    for loader in loaders:
        loader.close()


def names(paths):
    """Of the files that are loaded, in their order; nothing of them is read."""
    return [os.path.basename(source.name) for source in SmolVLMLoader(paths)._sources()]


def test_a_folder_gives_its_files_at_any_depth_in_order(folder):
    assert names(folder) == ["a.PNG", "b.png", "a.gif", "two.tif", "c.jpg"]


def test_a_pattern_gives_what_it_matches(folder):
    assert names(f"{folder}/**/*.tif") == ["two.tif"]
    assert names(folder / "?.png") == ["b.png"]


def test_several_paths_stay_in_their_order_and_no_file_comes_twice(folder):
    pattern = f"{folder}/deep/*.gif"
    assert names([folder / "b.png", pattern, str(folder)]) == [
        "b.png", "a.gif", "a.PNG", "two.tif", "c.jpg",
    ]  # fmt: skip


def test_a_name_with_signs_of_a_pattern_is_a_name_first(folder):
    picture(folder / "page[1].png")
    assert names(folder / "page[1].png") == ["page[1].png"]
    assert names("https://images.example/a.png?size=*") == ["a.png?size=*"]


@pytest.mark.parametrize("path", ["{0}/nothing/*.png", "{0}", "{0}/*.tif"])
def test_nothing_to_read_is_an_error_and_no_model_is_loaded(tmp_path, path, caplog):
    (tmp_path / ".hidden.png").write_bytes(SHAPES.read_bytes())
    named = path.format(tmp_path)
    with pytest.raises(ImageNotFound, match=r"no file to read|nothing matches"):
        SmolVLMLoader(named, model="none").load()
    (found,) = SmolVLMLoader(named, model="none", on_error="record").load()
    assert found.metadata["error"] == "image_not_found" and found.metadata["source"] == named
    assert SmolVLMLoader(named, model="none", on_error="skip").load() == []
    assert named in caplog.text


def test_all_pages_of_all_files_are_documents(folder, load):
    documents = load(folder)
    assert [(Path(d.metadata["source"]).name, d.metadata["page"]) for d in documents] == [
        ("a.PNG", 0), ("b.png", 0), ("a.gif", 0), ("two.tif", 0), ("two.tif", 1), ("c.jpg", 0),
    ]  # fmt: skip
    colours = ["blue" if "blue" in d.page_content else "red" for d in documents]
    assert colours == ["red"] * 4 + ["blue", "red"]
    assert all(colour in d.page_content for colour, d in zip(colours, documents, strict=True))


def broken(folder):
    """A folder with a good file, a damaged one, one without a file behind it, a damaged page."""
    picture(folder / "a.png")
    (folder / "b.png").write_bytes(SHAPES.read_bytes()[:200])
    with_a_broken_page(folder / "c.tif")
    return [folder, folder / "gone.png"]


def test_what_is_wrong_raises_unless_told_otherwise(tmp_path, embedded):
    with pytest.raises(CorruptImage):
        SmolVLMLoader(broken(tmp_path), model=embedded, mode="caption").load()
    with pytest.raises(BadOptions, match="on_error"):
        SmolVLMLoader(tmp_path, on_error="ignore")


def test_what_is_wrong_is_recorded_where_it_is(tmp_path, load):
    documents = load(broken(tmp_path), on_error="record")
    assert [d.metadata.get("error") for d in documents] == [
        None, "corrupt_image", None, "corrupt_image", None, "image_not_found",
    ]  # fmt: skip
    whole, page, gone = documents[1], documents[3], documents[5]
    assert whole.page_content == page.page_content == gone.page_content == ""
    assert whole.metadata["source"] == str(tmp_path / "b.png") and "page" not in whole.metadata
    assert (page.metadata["page"], page.metadata["total_pages"]) == (1, 3)
    assert "page 2 of" in page.metadata["error_reason"]
    assert gone.metadata["source"] == str(tmp_path / "gone.png")


def test_what_is_wrong_is_left_out_with_a_warning(tmp_path, load, caplog):
    with caplog.at_level(logging.WARNING, "langchain_smolvlm"):
        documents = load(broken(tmp_path), on_error="skip")
    assert [d.metadata["page"] for d in documents] == [0, 0, 2]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 * 3, "here and in the event loop"
    assert str(tmp_path / "b.png") in told[0] and "page 2 of 3" in told[1]
    assert "gone.png" in told[2]


def test_an_option_that_is_wrong_for_every_image_is_always_raised(tmp_path, embedded):
    picture(tmp_path / "a.png")
    with pytest.raises(BadOptions, match="max_tokenz"):
        SmolVLMLoader(tmp_path, model=embedded, on_error="record", options={"max_tokenz": 3})
    with pytest.raises(SmolVLMError, match="no-such-model"):
        SmolVLMLoader(tmp_path, model="./no-such-model", on_error="record").load()


def test_a_folder_that_may_not_be_listed_is_not_taken_for_an_empty_one(folder, monkeypatch):
    scandir = os.scandir

    def guarded(path):
        if os.fspath(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    loader = SmolVLMLoader(
        folder, model="none", on_error="record", text="layer", mode="transcription"
    )
    found = loader.load()
    assert [d.metadata.get("error") for d in found] == [None, None, "path_not_allowed"]
    assert found[2].metadata["source"] == str(folder / "deep")


def test_urls_of_other_file_systems_are_loaded(load):
    fs = fsspec.filesystem("memory")
    fs.pipe("/for-the-loader/deep/a.png", SHAPES.read_bytes())
    (found,) = load("memory://for-the-loader")
    assert found.metadata["source"] == "memory:///for-the-loader/deep/a.png"
    assert "circle" in found.page_content

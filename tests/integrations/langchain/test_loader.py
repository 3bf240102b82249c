"""`SmolVLMLoader` over folders and patterns, and what it does with broken files and pages."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_smolvlm import SmolVLMLoader
from langchain_smolvlm.paths import find_files

from smolvlm_tools import BadOptions, CorruptImage, ImageNotFound, PathNotAllowed, SmolVLMError
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
    return [os.path.basename(path) for path, error in find_files(paths) if error is None]


def test_a_folder_gives_its_files_at_any_depth_in_order(folder):
    found = [Path(path).relative_to(folder).as_posix() for path, _ in find_files(folder)]
    assert found == ["a.PNG", "b.png", "deep/a.gif", "deep/er/c.jpg", "deep/two.tif"]


def test_a_pattern_gives_what_it_matches(folder):
    assert names(f"{folder}/**/*.tif") == ["two.tif"]
    assert names(str(folder / "*")) == ["a.PNG", "b.png", "notes.txt"]
    assert names(folder / "?.png") == ["b.png"]


def test_several_paths_stay_in_their_order_and_no_file_comes_twice(folder):
    pattern = f"{folder}/deep/*.gif"
    assert names([folder / "b.png", pattern, str(folder)]) == [
        "b.png", "a.gif", "a.PNG", "c.jpg", "two.tif",
    ]  # fmt: skip
    assert names([folder / "b.png", f"{folder}/deep/../b.png"]) == ["b.png"]


def test_a_name_with_signs_of_a_pattern_is_a_name_first(folder):
    picture(folder / "page[1].png")
    assert names(folder / "page[1].png") == ["page[1].png"]
    assert names("https://images.example/a.png?size=*") == ["a.png?size=*"]


def test_links_to_folders_do_not_lead_in_circles(folder):
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    assert len(find_files(folder)) == 5


@pytest.mark.parametrize("on_error", ["raise", "skip", "record"])
@pytest.mark.parametrize("path", ["{0}/nothing/*.png", "{0}", "{0}/*.tif"])
def test_nothing_to_read_is_an_error_before_any_model_is_loaded(tmp_path, path, on_error):
    (tmp_path / ".hidden.png").write_bytes(SHAPES.read_bytes())
    loader = SmolVLMLoader([SHAPES, path.format(tmp_path)], model="none", on_error=on_error)
    with pytest.raises(ImageNotFound, match="no file"):
        next(loader.lazy_load())


def test_all_pages_of_all_files_are_documents(folder, load):
    documents = load(folder)
    assert [(Path(d.metadata["source"]).name, d.metadata["page"]) for d in documents] == [
        ("a.PNG", 0), ("b.png", 0), ("a.gif", 0), ("c.jpg", 0), ("two.tif", 0), ("two.tif", 1),
    ]  # fmt: skip
    assert all("red" in d.page_content for d in documents[:5])
    assert "blue" in documents[5].page_content


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
    loader = SmolVLMLoader(tmp_path, model=embedded, on_error="record", options={"max_tokenz": 3})
    with pytest.raises(BadOptions, match="max_tokenz"):
        loader.load()
    with pytest.raises(SmolVLMError, match="no-such-model"):
        SmolVLMLoader(tmp_path, model="./no-such-model", on_error="record").load()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list any folder"
)
def test_a_folder_that_may_not_be_listed_is_not_taken_for_an_empty_one(folder):
    (folder / "deep" / "er").chmod(0)
    try:
        errors = [error for _, error in find_files(folder) if error]
    finally:
        (folder / "deep" / "er").chmod(0o755)
    assert len(errors) == 1 and isinstance(errors[0], PathNotAllowed)

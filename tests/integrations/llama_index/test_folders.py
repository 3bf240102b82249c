"""`SmolVLMImageReader`: documents, folders, file systems, and what is broken in them."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
import fsspec
from llama_index.readers.smolvlm import IMAGE_SUFFIXES, EngineMissing, SmolVLMImageReader

from smolvlm_tools import (
    CorruptImage,
    ImageNotFound,
    ModelError,
)
from tests.support.broken_pages import with_a_broken_page
from tests.support.documents import pdf_only
from tests.support.llama_index_folders import RED_CIRCLE, of_folder
from tests.support.llama_index_scenes import paged, picture
from tests.support.paths import SHAPES


@pytest.fixture
def folder(tmp_path):
    """Twelve mixed files: good, nested, oddly named, of many pages, broken."""
    top = tmp_path / "scans"
    for name in ("a.png", "b.PNG", "c.jpg", "d.JPEG", "e.webp", "f.gif", "g.bmp", "deep/er/h.png"):
        picture(top / name)
    paged(top / "i.tiff", ["red", "blue"])
    paged(top / "j.pdf", ["red", "green", "blue"])
    (top / "broken.png").write_bytes(SHAPES.read_bytes()[:200])
    (top / "deep" / "empty.jpg").write_bytes(b"")
    return top


def test_pages_of_a_document_are_documents_with_their_image(tmp_path, reader):
    paged(tmp_path / "scan.tiff", ["red", "blue"])
    one, two = reader.load_data(tmp_path / "scan.tiff")
    assert "red" in one.text and "blue" in two.text
    assert [page.metadata["page_label"] for page in (one, two)] == ["1", "2"]
    assert one.image_resource.data and one.image_resource.mimetype == "image/png"
    bare = SmolVLMImageReader(mode="none", keep_image=False)
    assert [page.image_resource for page in bare.load_data(tmp_path / "scan.tiff")] == [None] * 2


@pdf_only
def test_pages_of_a_pdf_file_are_documents(tmp_path, reader):
    paged(tmp_path / "scan.pdf", ["red", "blue"])
    one, two = reader.load_data(tmp_path / "scan.pdf")
    assert "red" in one.text and "blue" in two.text
    assert one.image_resource.data and one.metadata["pages"] == 2


@pdf_only
def test_a_folder_of_mixed_files_loses_only_what_it_names(folder, reader, capsys):
    documents = of_folder(folder, reader).load_data()
    files = [Path(document.metadata["file_path"]).name for document in documents]
    assert sorted(set(files)) == sorted(
        "a.png b.PNG c.jpg d.JPEG e.webp f.gif g.bmp h.png i.tiff j.pdf".split()
    )
    assert (files.count("i.tiff"), files.count("j.pdf"), len(files)) == (2, 3, 13)
    printed = capsys.readouterr().out
    assert "broken.png" in printed and "empty.jpg" in printed and printed.count("Skipping") == 2
    assert all("red" in d.text for d in documents if d.metadata["page_label"] == "1")


@pdf_only
def test_a_folder_with_a_broken_file_raises_if_told_to(folder, reader):
    with pytest.raises(Exception, match="Error loading file") as caught:
        of_folder(folder, reader, raise_on_error=True).load_data()
    assert isinstance(caught.value.__cause__, CorruptImage)


@pdf_only
@pytest.mark.parametrize("raise_on_error", [True, False])
def test_recorded_errors_are_documents_that_say_so(folder, embedded, raise_on_error):
    reader = SmolVLMImageReader(model=embedded, mode="caption", on_error="record")
    documents = of_folder(folder, reader, raise_on_error=raise_on_error).load_data()
    assert len({document.metadata["file_path"] for document in documents}) == 12
    bad = [document for document in documents if "smolvlm_error" in document.metadata]
    assert [Path(document.metadata["file_path"]).name for document in bad] == [
        "broken.png",
        "empty.jpg",
    ]
    assert all(d.metadata["smolvlm_error"] == "corrupt_image" and d.text == "" for d in bad)
    assert all(d.metadata["smolvlm_error_reason"] for d in bad)


def test_a_broken_page_costs_the_others_nothing(tmp_path, counting):
    _, vlm = counting
    with_a_broken_page(tmp_path / "scan.tiff")
    with pytest.raises(CorruptImage):
        SmolVLMImageReader(engine=vlm).load_data(tmp_path / "scan.tiff")
    record = SmolVLMImageReader(engine=vlm, on_error="record")
    documents = record.load_data(tmp_path / "scan.tiff")
    assert [document.metadata.get("smolvlm_error") for document in documents] == [
        None,
        "corrupt_image",
        None,
    ]
    assert [document.metadata["page_label"] for document in documents] == ["1", "2", "3"]


def test_a_folder_without_a_model_is_an_error_and_not_an_empty_list(tmp_path):
    picture(tmp_path / "a.png")
    reader = SmolVLMImageReader(model=str(tmp_path / "no model"))
    with pytest.raises(ImportError, match="no model"):
        of_folder(tmp_path, reader).load_data()
    with pytest.raises(EngineMissing) as caught:
        reader.load_data(tmp_path / "a.png")
    assert isinstance(caught.value, ModelError) and caught.value.__cause__ is not None
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.skipif(find_spec("pypdfium2") is not None, reason="pypdfium2 is installed")
def test_a_pdf_file_without_pypdfium2_is_an_error_and_not_skipped(tmp_path):
    paged(tmp_path / "a.pdf", ["red"])
    with pytest.raises(ImportError, match="pypdfium2"):
        of_folder(tmp_path, SmolVLMImageReader(mode="none")).load_data()


def test_every_suffix_is_written_as_the_directory_reader_looks_it_up(reader):
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
    assert all(other is reader for other in reader.file_extractor().values())


def test_files_of_another_file_system_are_read(reader):
    fs = fsspec.filesystem("memory")
    fs.makedirs("/bucket/deep", exist_ok=True)
    for name in ("a.png", "deep/b.PNG"):
        fs.pipe(f"/bucket/{name}", SHAPES.read_bytes())
    (document,) = reader.load_data("/bucket/a.png", fs=fs)
    assert RED_CIRCLE in document.text and document.image_resource.data
    documents = of_folder("/bucket", reader, fs=fs, raise_on_error=True).load_data()
    assert len(documents) == 2 and all(RED_CIRCLE in each.text for each in documents)
    with pytest.raises(ImageNotFound, match="nothing"):
        reader.load_data("/bucket/nothing.png", fs=fs)

"""Errors that `SimpleDirectoryReader` would swallow, or turn into text or an ImportError."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.llms.smolvlm import SmolVLMLLM
from llama_index.readers.smolvlm import (
    IMAGE_SUFFIXES,
    BudgetTooSmall,
    EngineMissing,
    SmolVLMImageReader,
    SmolVLMTransform,
)
from llama_index.readers.smolvlm.suffixes import NOT_READ
from llama_index.tools.smolvlm import SmolVLMToolSpec

from smolvlm_tools import OutOfMemoryBudget, UnsupportedFormat
from tests.support.llama_index_folders import of_folder
from tests.support.llama_index_scenes import picture
from tests.support.paths import ROOT, SHAPES

TOO_LITTLE = "1MB"


def check(error, embedded):
    assert isinstance(error, OutOfMemoryBudget)
    assert error.code == "out_of_memory_budget"
    assert error.needed_bytes > 1_000_000
    assert "memory_budget" in error.remedy or "budget" in str(error)
    assert "--" not in str(error)


def test_a_folder_with_too_small_a_budget_is_refused_by_the_budgets_own_error(embedded, tmp_path):
    picture(tmp_path / "a.png")
    reader = SmolVLMImageReader(model=embedded, memory_budget=TOO_LITTLE)
    with pytest.raises(OutOfMemoryBudget) as caught:
        SimpleDirectoryReader(tmp_path, file_extractor=reader.file_extractor()).load_data()
    assert not isinstance(caught.value, ImportError)
    check(caught.value, embedded)


@pytest.mark.parametrize("on_error", ["raise", "record", "skip"])
def test_a_reader_with_too_small_a_budget_says_so_and_no_folder_is_skipped(
    on_error, embedded, tmp_path
):
    picture(tmp_path / "a.png")
    reader = SmolVLMImageReader(model=embedded, memory_budget=TOO_LITTLE, on_error=on_error)
    with pytest.raises(OutOfMemoryBudget) as caught:
        reader.load_data(tmp_path / "a.png")
    check(caught.value, embedded)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is BudgetTooSmall and again.needed_bytes == caught.value.needed_bytes
    with pytest.raises(OutOfMemoryBudget):
        asyncio.run(reader.aload_data(tmp_path / "a.png"))
    by_hand = {".png": reader}
    with pytest.raises(ImportError, match="budget"):
        SimpleDirectoryReader(tmp_path, file_extractor=by_hand).load_data()


def test_the_other_components_raise_the_budgets_own_error(embedded):
    messages = {"image": str(SHAPES)}
    documents = SmolVLMImageReader(mode="none").load_data(SHAPES)
    see = SmolVLMTransform(model=embedded, memory_budget=TOO_LITTLE)
    llm = SmolVLMLLM(model=embedded, memory_budget=TOO_LITTLE)
    spec = SmolVLMToolSpec(embedded, memory_budget=TOO_LITTLE, policy="trusted")
    (tool,) = spec.to_tool_list(["describe_image"])
    for call in (
        lambda: IngestionPipeline(transformations=[see]).run(documents=documents),
        lambda: llm.complete("Hello"),
        lambda: asyncio.run(llm.acomplete("Hello")),
        lambda: tool.call(**messages),
    ):
        with pytest.raises(OutOfMemoryBudget) as caught:
            call()
        assert not isinstance(caught.value, ImportError)
        check(caught.value, embedded)


def test_a_budget_is_only_asked_for_where_a_model_is_needed(embedded, tmp_path):
    picture(tmp_path / "a.png")
    reader = SmolVLMImageReader(model=embedded, memory_budget=TOO_LITTLE, mode="none")
    assert len(of_folder(tmp_path, reader).load_data()) == 1
    SmolVLMImageReader(model="./none", memory_budget="4GB").file_extractor()


def test_files_that_nobody_reads_are_never_indexed_as_text(embedded, tmp_path, capsys):
    reader = SmolVLMImageReader(model=embedded, mode="caption")
    picture(tmp_path / "a.png")
    for suffix in NOT_READ:
        (tmp_path / f"b{suffix}").write_bytes(b"\0\1\2binary" * 9)
    (document,) = SimpleDirectoryReader(
        tmp_path, file_extractor=reader.file_extractor()
    ).load_data()
    assert document.metadata["file_path"].endswith("a.png")
    assert capsys.readouterr().out.count("Skipping") == len(NOT_READ)
    with pytest.raises(UnsupportedFormat, match="not an image of a supported format"):
        reader.load_data(tmp_path / "b.avif")
    assert not set(NOT_READ) & set(IMAGE_SUFFIXES)


def test_what_is_named_wrongly_is_read_all_the_same(embedded, tmp_path):
    (tmp_path / "a.avif").write_bytes(SHAPES.read_bytes())
    reader = SmolVLMImageReader(model=embedded, mode="caption")
    (document,) = of_folder(tmp_path, reader).load_data()
    assert "circle" in document.text


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize("suffix", [".heic", ".HEIF"])
def test_a_heic_file_without_its_extra_is_an_error_that_names_it(
    suffix, embedded, tmp_path, monkeypatch
):
    (tmp_path / f"a{suffix}").write_bytes(HEIC)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    reader = SmolVLMImageReader(model=embedded, policy="trusted", on_error="skip")
    with pytest.raises(EngineMissing, match=r"smolvlm-tools\[heic\]"):
        reader.load_data(tmp_path / f"a{suffix}")
    with pytest.raises(ImportError, match=r"pip install 'smolvlm-tools\[heic\]'"):
        SimpleDirectoryReader(tmp_path, file_extractor=reader.file_extractor()).load_data()


def test_a_heic_file_is_refused_alike_where_children_decode(tmp_path):
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('not here')")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.heic").write_bytes(HEIC)
    code = (
        "from llama_index.core import SimpleDirectoryReader\n"
        "from llama_index.readers.smolvlm import SmolVLMImageReader\n"
        "reader = SmolVLMImageReader(model='embedded')\n"
        "try:\n"
        "    SimpleDirectoryReader('folder', file_extractor=reader.file_extractor()).load_data()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "integrations")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "smolvlm-tools[heic]" in done.stdout, done.stdout + done.stderr


def test_a_heic_file_is_read_where_the_extra_is(embedded, tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    from PIL import Image

    heif.from_pillow(Image.open(SHAPES).convert("RGB")).save(tmp_path / "a.heic", quality=95)
    reader = SmolVLMImageReader(model=embedded, mode="caption")
    (document,) = of_folder(tmp_path, reader).load_data()
    assert "circle" in document.text

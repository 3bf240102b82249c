"""The README's blocks and the docstrings' examples run as they stand."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.paths import ROOT

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

PACKAGES = ROOT / "integrations" / "llama_index"
BLOCKS = re.findall(r"```python\n(.*?)```", (PACKAGES / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["reader", "transform", "llm", "tools"])
def test_a_block_of_the_readme_runs(block, embedded, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec", dont_inherit=True), {"__name__": "readme"})
    said = capsys.readouterr().out
    for told in re.findall(r"# (red|vendor='CORNER CAFE' total=7.5|The image shows)", block):
        assert told in said


@pytest.mark.parametrize(
    "module",
    "readers.smolvlm.reader readers.smolvlm.transform llms.smolvlm.llm tools.smolvlm.spec".split(),
)
def test_the_examples_of_the_docstrings_hold(module, embedded, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = doctest.testmod(
        importlib.import_module(f"llama_index.{module}"), optionflags=doctest.ELLIPSIS
    )
    assert done.attempted > 1 and done.failed == 0


def test_the_packages_above_ours_belong_to_nobody():
    """PEP 420: an __init__.py there would hide llama-index-core and every other integration."""
    assert not list(PACKAGES.glob("__init__.py")) + list(PACKAGES.glob("*/__init__.py"))
    assert len(list(PACKAGES.glob("*/smolvlm/py.typed"))) == 3


@pytest.mark.skipif(
    find_spec("wordllama") is None or find_spec("pypdfium2") is None,
    reason="the example needs wordllama and pypdfium2",
)
def test_the_example_of_scans_finds_the_page_and_sees_the_answer(embedded):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "llama_index_rag.py")],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "archive.pdf, page 2: blue" in done.stdout

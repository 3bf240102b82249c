"""The documentation's site: it builds without a warning, and every public name is on it."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

import smolvlm_tools
from smolvlm_tools.errors import SmolVLMError
from tests.support.paths import ROOT

REFERENCE = ROOT / "docs" / "reference"
PACKAGES = [
    "smolvlm_tools",
    "smolvlm_tools.tools",
    "smolvlm_tools.ingest",
    "smolvlm_tools.quality.evaluate",
    "langchain_smolvlm",
    "llama_index.llms.smolvlm",
    "llama_index.readers.smolvlm",
    "llama_index.tools.smolvlm",
]


def described() -> set[str]:
    """What the pages of the reference are made of."""
    pages = "".join(page.read_text() for page in REFERENCE.glob("*.md"))
    return set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))


def is_error(name: str) -> bool:
    """Whether the tree on the page of errors has it."""
    named = getattr(smolvlm_tools, name, None)
    return isinstance(named, type) and issubclass(named, SmolVLMError)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package):
    names = importlib.import_module(package).__all__
    wanted = {f"{package}.{name}" for name in names if not is_error(name)}
    assert wanted <= described()


def test_the_site_builds_without_a_warning_and_its_links_lead_somewhere():
    assert build() == "all links lead somewhere\n"
    index = (ROOT / "build" / "site" / "reference" / "smolvlm.html").read_text()
    assert "memory_budget" in index and "most bytes to use" in index
    commands = (ROOT / "build" / "site" / "reference" / "cli.html").read_text()
    assert "--on-incomplete" in commands and "--head-timeout" in commands


def build() -> str:
    """As `make docs` does it; what the last step prints."""
    recipe = re.search(r"^docs:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    printed = ""
    for line in recipe[1].splitlines():
        program, *arguments = line.split()
        module = [] if program.endswith("python") else ["-m", program.rpartition("/")[2]]
        done = subprocess.run(
            [sys.executable, *module, *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed = done.stdout
    return printed


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top"><a href="b.html#x"><a href="c.html"><a href="#top">'
    )
    (tmp_path / "b.html").write_text('<p id="y">')
    done = subprocess.run(
        [sys.executable, "docs/site/links.py", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "a.html: b.html#x: no such place on the page",
        "a.html: c.html: no such file",
    ]

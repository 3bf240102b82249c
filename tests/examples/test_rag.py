"""The example of answers with citations, run as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.documents import pdf_only
from tests.support.paths import ROOT
from tests.support.real_documents import real_document

SCRIPT = ROOT / "examples" / "rag" / "with_citations.py"
ASKED = {
    "When was the typewriter patented?": "multi_page.pdf, page 1 of 5",
    "Which tools do academics use for mathematical equations?": "multi_page.pdf, page 3 of 5",
    "What components is LayoutParser built with?": "layout-parser-paper-fast.pdf, page 2 of 2",
    "How does a Boots self-locking nut work?": "amt_handbook_sample.pdf",
}
"""Questions, and the real page that has the answer."""

pytestmark = [
    pdf_only,
    pytest.mark.skipif(
        find_spec("wordllama") is None, reason="wordllama, which makes the vectors, is missing"
    ),
]


def run(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def best_citations(printed: str) -> dict[str, str]:
    """By each question what its first passage is said to stand on."""
    return dict(re.findall(r"^(\S.*\?)\n  \[(.*?);", printed, re.MULTILINE))


def test_its_own_documents_are_cited_by_file_and_page(embedded):
    printed = run()  # asserts its five citations itself
    assert "8 files, 11 pages: 5 with text of their own, 6 read by the model" in printed
    found = best_citations(printed)
    assert found["How much is the monthly rent?"] == "lease.pdf, page 2 of 3"
    assert found["Which picture shows a large blue square?"] == "shapes.png"
    assert len(found) == 5
    assert "940 euros" in printed and "read by the model, confidence" in printed


def test_real_documents_are_cited_by_file_and_page(embedded):
    questions = [part for question in ASKED for part in ("--ask", question)]
    printed = run(real_document("."), *questions)
    assert "0 errors" in printed
    assert best_citations(printed) == ASKED


def test_files_that_cannot_be_read_are_named(embedded, tmp_path):
    (tmp_path / "torn.pdf").write_bytes(b"%PDF-1.4 and no more")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "--ask", "What is torn?"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "torn.pdf" in done.stdout and "1 errors" in done.stdout
    assert done.returncode == 1 and "no words" in done.stderr


def test_a_folder_without_a_question_is_refused(embedded, tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and "--ask QUESTION" in done.stderr

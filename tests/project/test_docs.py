"""The README's Python block prints what the README says, and the guide's examples run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.document_blocks import blocks, check_output, run, run_python, the_block
from tests.support.documents import pdf_only
from tests.support.paths import IMAGES, RECEIPT, ROOT
from tests.support.pdf_pages import lines, page

REPORT = "The heating of the second floor was repaired in March.\nIt has worked since."


def test_the_readme_example_prints_what_the_readme_shows(embedded):
    check_output(run(blocks("README.md", "python")[0]), blocks("README.md", "text")[0])


def test_the_demo_prints_what_the_readme_shows(embedded):
    """Its answers, and how sure of each field it is; what they cost is left out there."""
    (shown,) = blocks("README.md", "console")
    rows = re.findall(r"^\$ (smolvlm .*)\n((?:(?!\$ ).*\n)*)", shown, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text().replace("$(EXAMPLES)", "examples/images")
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe and [row[0] for row in rows] == re.findall(r"(smolvlm .*)", recipe[1])
    for command, printed in rows:
        done = subprocess.run(
            [sys.executable, "-m", "smolvlm_tools", *shlex.split(command)[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        notes = [n for n in done.stderr.splitlines(True) if n.startswith("confidence of")]
        check_output(done.stdout + "".join(notes), printed)


def test_the_readmes_picture_is_what_view_draws(embedded, tmp_path):
    out = tmp_path / "view.png"
    run_python(
        *("-m", "smolvlm_tools", "view", str(RECEIPT), "--out", str(out)),
        *("--task", "transcribe", "--model", "embedded"),
    )
    with Image.open(out) as drawn, Image.open(ROOT / "docs" / "images" / "view.png") as shown:
        assert drawn.size == shown.size
        assert np.abs(np.asarray(drawn, float) - np.asarray(shown, float)).mean() < 2


def test_the_guides_typed_answers_are_of_their_types(embedded):
    (example,) = [code for code in blocks("docs/guide.md", "python") if "class Scene" in code]
    run(example)


def test_what_the_documents_say_of_an_answer_without_a_value_holds(embedded):
    (example,) = [
        code for code in blocks("docs/confidence.md", "python") if "IncompleteAnswer" in code
    ]
    run(example)


def test_the_guides_many_questions_are_answered_as_it_shows(embedded):
    (example,) = [code for code in blocks("docs/guide.md", "python") if "ask_many" in code]
    (shown,) = [text for text in blocks("docs/guide.md", "text") if "tokens read" in text]
    rating = re.compile(r"value (\d\.\d+)")
    found = run(example)
    assert rating.sub("", found) == rating.sub("", shown)
    assert float(rating.search(found)[1]) == pytest.approx(float(rating.search(shown)[1]), abs=0.1)


def test_the_guides_pages_are_named_and_chosen_as_it_shows(embedded, tmp_path):
    shutil.copytree(IMAGES, tmp_path / "examples" / "images")
    found = run(the_block("docs/guide.md", "python", "PagesNeeded"), tmp_path)
    assert found == the_block("docs/guide.md", "text", "page 1 of 2")


@pdf_only
def test_the_guides_page_says_its_own_text(tmp_path):
    (tmp_path / "report.pdf").write_bytes(page(lines(REPORT)))
    assert run(the_block("docs/guide.md", "python", "is_sound"), tmp_path).strip() == REPORT


def test_the_guides_testing_example_runs(embedded):
    run(blocks("docs/guide.md", "python")[-1])


def test_every_link_between_documents_leads_somewhere():
    for document in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
    ]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"

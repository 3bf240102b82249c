"""`make audit` never says that all is well of packages that nobody looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

GOOD = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
HOLE = {"id": "CVE-1", "fix_versions": ["3"]}
BAD = {"name": "c", "version": "2", "vulns": [HOLE]}


def audited(folder: Path, code: str) -> tuple[int, str]:
    """The exit status and what was printed, where `code` stands for pip-audit."""
    (folder / "pip_audit.py").write_text(code)
    done = subprocess.run(
        [sys.executable, str(ROOT / "requirements" / "audit.py")],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ([GOOD], 0, "2 packages audited (pypi): no known vulnerability"),
        ([GOOD, SKIPPED], 3, "not audited: pypi left out 2 of 4 packages"),
        ([GOOD, SKIPPED, BAD], 1, "c 2: CVE-1 (mended in 3)"),
    ],
    ids=["good", "skipped", "vulnerable"],
)
def test_each_result_has_a_status_of_its_own(tmp_path, found, status, words):
    code = f"print({json.dumps(json.dumps({'dependencies': found}))})"
    returned, shown = audited(tmp_path, code)
    assert (returned, words in shown) == (status, True), shown


def test_nobody_to_ask_is_said_with_the_reason(tmp_path):
    status, shown = audited(tmp_path, "raise SystemExit('no route to the service')")
    assert status == 3
    assert shown.count("no route to the service") == 2
    assert "osv left out 0 of 0 packages and 2 of 2 files" in shown


def test_the_second_service_is_asked_where_the_first_knows_nothing(tmp_path):
    code = (
        "import sys, json\n"
        f"found = {{'pypi': [{SKIPPED}], 'osv': [{GOOD}]}}[sys.argv[-1]]\n"
        "print(json.dumps({'dependencies': found}))"
    )
    assert audited(tmp_path, code) == (
        0,
        "2 packages audited (osv): no known vulnerability\n",
    )

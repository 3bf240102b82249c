"""The blocks of code in the documents, and running them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

DECIMAL = re.compile(r"\b\d\.\d\d\b")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def the_block(name: str, language: str, having: str) -> str:
    """The only one in which something stands."""
    (found,) = [code for code in blocks(name, language) if having in code]
    return found


def run(code: str, folder: Path = ROOT) -> str:
    """Run Python code in a folder; returns what it prints."""
    return run_python("-c", code, folder=folder)


def run_python(*arguments: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_output(found: str, shown: str) -> None:
    """Equal but for the second decimal of a confidence, which differs from CPU to CPU."""
    assert DECIMAL.sub("N", found) == DECIMAL.sub("N", shown)
    numbers = [[float(n) for n in DECIMAL.findall(text)] for text in (found, shown)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.02)

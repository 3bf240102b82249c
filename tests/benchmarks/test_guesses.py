"""The benchmark of guesses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import guesses


def test_replies_in_fp32_are_the_same_in_fewer_runs(embedded: Path) -> None:
    found = guesses.measure(embedded, "fp32")
    assert found.same == found.replies == 30
    assert found.runs < found.tokens
    assert "| fp32" in guesses.table([found])


def test_outcomes_are_told_as_json(
    embedded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guesses, "measure", lambda _, precision: guesses.Outcome(precision, 2, 1))
    assert guesses.main(["--checkpoint", str(embedded), "--precision", "int8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["precisions"][0]["same"] == 1

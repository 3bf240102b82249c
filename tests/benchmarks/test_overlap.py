"""The benchmark of a reply that is read while a page is encoded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import overlap


def test_the_reader_goes_on_and_everything_ends(embedded: Path) -> None:
    (found,) = overlap.measure(embedded, rounds=1)
    assert found.alone > 0 and found.beside > 0
    assert "times as long" in overlap.table([found])


def test_rounds_are_told_as_json(
    embedded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(overlap, "measure", lambda *_: [overlap.Round(1.0, 1.5, 6.0)])
    assert overlap.main(["--checkpoint", str(embedded), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rounds"][0]["tokens_a_second"] == 6.0

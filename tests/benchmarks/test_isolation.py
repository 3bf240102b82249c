"""What isolation costs is measured both ways, on the same pixels."""

from __future__ import annotations

import json

import numpy as np

import benchmarks.isolation as isolation


def test_both_ways_are_measured_and_reported(monkeypatch, capsys):
    cases = [
        isolation.Case("JPEG", isolation._file(160, 120, "JPEG")),
        isolation.Case("JPEG reduced", isolation._file(160, 120, "JPEG"), 80),
    ]
    monkeypatch.setattr(isolation, "cases", lambda: cases)
    for case, size in zip(cases, [(160, 120), (80, 60)], strict=True):
        here, there = (case.load(policy) for policy in (isolation.HERE, isolation.THERE))
        assert here.pixels.size == size
        assert np.array_equal(np.asarray(here.pixels), np.asarray(there.pixels))
    monkeypatch.setattr(isolation, "is_met", lambda row: True)
    assert isolation.main(["--rounds", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["case"] for row in said["rows"]] == ["JPEG", "JPEG reduced"]
    assert all(len(row["samples"]["there"]) == 2 for row in said["rows"])
    monkeypatch.setattr(isolation, "is_met", lambda row: row["case"] == "JPEG")
    assert isolation.main(["--rounds", "1"]) == 1
    out = capsys.readouterr().out
    assert "limited by" in out and "| JPEG reduced |" in out


def test_the_bars():
    row = {"more_ms": 9.9, "copies": 1.0}
    assert isolation.is_met(row)
    assert not isolation.is_met({**row, "more_ms": 10.1})
    assert not isolation.is_met({**row, "copies": 2.0})

"""Good requests are answered while eight slow files are being decoded; no time is looked at."""

from __future__ import annotations

import json

import pytest

from benchmarks import beside
from tests.support.documents import pdf_only

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


@pdf_only
def test_good_requests_are_answered_beside_slow_files() -> None:
    times = beside.measure(rounds=1, each=2)
    assert times.decoding == [beside.SLOW]
    assert len(times.alone) == len(times.beside) == 2
    shown = beside.table(times)
    assert f"beside {beside.SLOW} slow files" in shown and "at most 2" in shown


@pytest.mark.parametrize(
    ("seconds", "decoding", "is_held"), [(0.2, 8, True), (0.3, 8, False), (0.2, 7, False)]
)
def test_the_bar(seconds: float, decoding: int, is_held: bool) -> None:
    assert beside.Times([0.1], [seconds], [decoding]).is_held is is_held


def test_a_missed_bar_is_exit_code_1(monkeypatch, capsys) -> None:
    monkeypatch.setattr(beside, "measure", lambda *_: beside.Times([0.1], [0.3], [8]))
    assert beside.main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ratio"] == pytest.approx(3)

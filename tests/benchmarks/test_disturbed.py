"""The speed benchmark says how far its samples spread, and when other work disturbed them."""

from __future__ import annotations

import io
import multiprocessing
import time

import pytest
from rich.console import Console

from benchmarks.speed.others import CpuSeconds
from benchmarks.speed.report import as_json, markdown, print_report, spreads
from benchmarks.speed.rows import Column


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_least_and_the_most_of_a_row_stand_in_a_table_of_their_own() -> None:
    column = Column("auto", {"page": [2.0, 4.0, 3.0], "load": [1.0]})
    grid = spreads([column, Column("other", {"load": [1.0, 1.5]})])
    assert grid[0] == ["from – to", "auto", "other"]
    cells = {line[0]: line[1:] for line in grid[1:]}
    assert cells["first token, page 1700×2200 native, s"] == ["2.00–4.00", "-"]
    assert cells["load, imports included, s"] == ["-", "1.00–1.50"]
    assert len(grid) == 3
    assert "2.00–4.00" in markdown([column], {"cpu": "x"}, {})


def test_a_disturbed_run_is_named() -> None:
    column = Column(
        "auto", {"page": [2.0]}, others=[("page, round 1", 0.02), ("cold, round 2", 0.4)]
    )
    output = io.StringIO()
    print_report(Console(width=200, file=output), [column], {}, {})
    assert "WARNING" in output.getvalue() and "1 of 2 runs of auto: cold, round 2 40%" in (
        output.getvalue()
    )
    assert as_json([column], {}, {})["engines"]["auto"]["others"] == column.others
    column.others = [("page, round 1", 0.02)]
    assert "WARNING" not in markdown([column], {}, {})


def test_own_work_and_that_of_ended_children_are_not_others() -> None:
    before = CpuSeconds.now()
    child = multiprocessing.get_context("spawn").Process(target=burn, args=(0.5,))
    child.start()
    child.join()
    after = CpuSeconds.now()
    assert after.own - before.own >= 0.5


@pytest.mark.parametrize(
    ("used", "own", "share"), [(6.0, 6.0, 0.0), (6.0, 1.0, 0.5), (5.0, 5.1, 0.0), (0.0, 0.0, 0.0)]
)
def test_the_share_of_others(used: float, own: float, share: float) -> None:
    after = CpuSeconds(110.0, 50.0 + 10.0 - used, 7.0 + own)
    assert after.others_since(CpuSeconds(100.0, 50.0, 7.0)) == pytest.approx(share)
    assert after.others_since(after) == 0

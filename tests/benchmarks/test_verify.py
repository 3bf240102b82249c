"""The benchmark of checking model files prints a line for each thing it measures."""

from __future__ import annotations

from benchmarks.verify import main


def test_every_cost_is_printed(capsys, embedded):
    assert main(["--megabytes", "2", "--repeat", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and all(line.endswith(" ms") for line in lines)

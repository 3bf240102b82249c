"""The memory contract's benchmark: it measures in fresh processes, resumes, and judges strictly."""

from __future__ import annotations

import json

import pytest

from benchmarks import memory_contract
from benchmarks.memory.rows import ROWS, Row
from benchmarks.memory.table import Result, as_markdown
from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER

TOGETHER = "256m-onnx-int8-1xicon-batch4"
SMALLEST = "256m-auto-auto-1xphoto-batch1-smallest"


def run(*arguments: str) -> int:
    return memory_contract.main(["--folder", f"256m={EMBEDDED_FOLDER}", *arguments])


@pytest.mark.parametrize("only", [TOGETHER, SMALLEST])
def test_a_row_holds_on_the_embedded_checkpoint_and_is_measured_once(
    embedded, only, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "rows.jsonl"
    assert run("--only", only, "--out", str(out)) == 0, out.read_text()
    (result,) = memory_contract.read_results(out)
    assert result.holds and result.measured > 50_000_000
    monkeypatch.setattr(memory_contract, "measure", lambda *_: pytest.fail("measured again"))
    assert run("--only", only, "--out", str(out), "--json") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("[\n") :])[0]["measured"] == result.measured


def test_there_are_more_than_forty_rows_of_all_three_sizes_and_none_twice():
    assert len(set(ROWS)) == len(ROWS) > 40
    assert {row.size for row in ROWS} == {"256m", "500m", "2.2b"}


@pytest.mark.parametrize(
    ("predicted", "measured", "budget", "holds"),
    [
        (105, 100, None, True),
        (125, 100, None, True),
        (126, 100, None, False),
        (99, 100, None, False),
        (105, 100, 100, True),
        (105, 100, 99, False),
        (0, 0, None, False),
    ],
)
def test_a_row_holds_only_between_the_measured_peak_and_a_quarter_more(
    predicted, measured, budget, holds
):
    assert Result(ROWS[0], predicted, measured, budget).holds is holds


def test_the_markdown_table_has_a_cell_for_every_image():
    row = Row("256m", "onnx", "int8", "icon")
    shown = as_markdown(
        [
            Result(row, 510_000_000, 500_000_000),
            Result(Row("256m", "onnx", "int8", "page", count=4), error="no room"),
        ]
    )
    assert "| 256m onnx int8 |  | 510 / 500 |  |  |" in shown
    assert "| 256m onnx int8, 4 pages |  | does not run |" in shown


def test_wrong_arguments_and_missing_checkpoints_are_named(tmp_path, capsys):
    assert memory_contract.main(["--only", "nothing-like-this"]) == 2
    assert memory_contract.main(["--folder", "1b=x", "--only", TOGETHER]) == 2
    missing = ["--folder", f"256m={tmp_path}", "--only", TOGETHER, "--out", str(tmp_path / "o")]
    assert memory_contract.main(missing) == 4
    said = capsys.readouterr().err
    assert "no row is called" in said and "unknown size" in said and "checkpoints.make" in said

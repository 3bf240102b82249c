"""The speed benchmark's samples as tables, Markdown or one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.speed.bars import judge
from benchmarks.speed.others import BUSY
from benchmarks.speed.rows import BY_KEY, ROWS, Column
from benchmarks.tables import markdown_table

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
CELL_WIDTH = 13
NOTES = (
    "Medians; (n) runs, one process each for long ones. Engines took turns within every round.",
    "~ not run as a whole: preparation + tiles + prefill; its peak RSS is of one vision layer.",
    "Peers know no `auto` resolution: theirs is native. llama.cpp gives even one tile an overview"
    " tile, so its 8 requests are of 2 tiles each.",
)
FLOORS = (
    ("gemm_gflops", "float32 matrix product, GFLOP/s", 0),
    ("read_gb_per_s", "memory read, GB/s", 1),
    ("tile_gflop", "vision, one tile, GFLOP", 0),
    ("vision_fp32_s", "limit: vision per tile, float32, s", 2),
    ("prefill_fp32_s", "limit: prefill of a page, float32, s", 2),
    ("page_fp32_s", "limit: first token of a page, float32, s", 1),
    ("decode_fp32", "limit: decode at 1141 tokens, float32 weights, tok/s", 0),
    ("decode_bf16", "limit: the same, 16-bit weights", 0),
    ("decode_int8", "limit: the same, 8-bit weights", 0),
    ("decode_q4", "limit: the same, 4-bit weights", 0),
)

Facts = dict[str, Any]
Grid = list[list[str]]


def as_json(columns: Sequence[Column], facts: Facts, floors: dict[str, float]) -> Facts:
    """Medians in base units (seconds, bytes, tokens per second), all samples and the bars."""
    return {
        **facts,
        "limits": floors,
        "engines": {
            column.engine: {
                "error": column.error,
                "plan": column.plan,
                "median": {row.key: column.value(row.key) for row in ROWS},
                "estimates": [row.key for row in ROWS if column.is_estimate(row.key)],
                "samples": column.samples,
                "others": column.others,
            }
            for column in columns
        },
        "bars": [
            {**asdict(outcome.bar), "value": outcome.value, "verdict": outcome.verdict}
            for outcome in judge(columns)
        ],
    }


def figures(columns: Sequence[Column]) -> Grid:
    """The main table, its head first."""
    measured = [column for column in columns if column.error is None]
    grid = [["", *(column.engine for column in measured)]]
    for row in ROWS:
        cells = [_cell(column, row.key) for column in measured]
        if any(cell != "-" for cell in cells):
            grid.append([row.label, *cells])
    return grid


def _cell(column: Column, key: str) -> str:
    value = column.value(key)
    if value is None:
        return "-"
    row = BY_KEY[key]
    mark = "~" if column.is_estimate(key) else ""
    runs = "" if row.ratio or not column.runs(key) else f" ({column.runs(key)})"
    return f"{mark}{row.show(value)}{runs}"


def spreads(columns: Sequence[Column]) -> Grid:
    """Least and most of every row that was measured more than once."""
    measured = [column for column in columns if column.error is None]
    grid = [["from – to", *(column.engine for column in measured)]]
    for row in ROWS:
        found = [column.spread(row.key) for column in measured]
        if any(found):
            cells = ["–".join(map(row.show, each)) if each else "-" for each in found]
            grid.append([row.label, *cells])
    return grid


def bars(columns: Sequence[Column]) -> Grid:
    """The bars, and whether they were reached."""
    grid = [["figure", "wanted", "measured", "n", ""]]
    for outcome in judge(columns):
        wanted = outcome.show_limit() if outcome.bar.wanted else ""
        measured = [outcome.show(), str(outcome.runs), outcome.verdict]
        grid.append([outcome.bar.label, wanted, *measured])
    return grid


def limits(floors: dict[str, float]) -> Grid:
    """What this processor can do, and what follows for the model."""
    return [["this processor", ""]] + [
        [label, f"{floors[key]:.{digits}f}"] for key, label, digits in FLOORS if key in floors
    ]


def _grids(columns: Sequence[Column], floors: dict[str, float]) -> list[Grid]:
    grids = [figures(columns), spreads(columns), bars(columns), limits(floors)]
    return [grid for grid in grids if len(grid) > 1]


def _lines(columns: Sequence[Column]) -> list[str]:
    lines: list[str] = list(NOTES)
    for column in columns:
        disturbed = [f"{run} {share:.0%}" for run, share in column.others if share > BUSY]
        if disturbed:
            lines.append(
                f"WARNING: other work took more than {BUSY:.0%} of the processor in "
                f"{len(disturbed)} of {len(column.others)} runs of {column.engine}: "
                f"{'; '.join(disturbed)}"
            )
        if column.plan:
            lines.append(f"{column.engine} is {column.plan}")
        if column.error is not None:
            lines.append(f"{column.engine} was not measured: {column.error}")
    return lines


def print_report(
    console: Console, columns: Sequence[Column], facts: Facts, floors: dict[str, float]
) -> None:
    """Print facts, tables, notes and the reasons for missing columns."""
    grids = _grids(columns, floors)
    if not console.is_terminal:
        console.width = max(console.width, 50 + (CELL_WIDTH + 3) * len(grids[0][0]))
    for name, fact in facts.items():
        console.print(f"{name}: {_plain(fact)}", markup=False, highlight=False, soft_wrap=True)
    for grid in grids:
        table = Table()
        for index, head in enumerate(grid[0]):
            table.add_column(
                head.replace(":", "\n") if grid in grids[:2] else head,
                justify="right" if index else "left",
                no_wrap=True,
            )
        for line in grid[1:]:
            table.add_row(*line)
        console.print(table, markup=False)
    for line in _lines(columns):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(columns: Sequence[Column], facts: Facts, floors: dict[str, float]) -> str:
    """The same in Markdown."""
    parts = ["; ".join(f"{name}: {_plain(fact)}" for name, fact in facts.items())]
    for head, *lines in _grids(columns, floors):
        parts.append(markdown_table(head, lines, left=1))
    parts.append("\n".join(f"- {line}" for line in _lines(columns)))
    return "\n\n".join(parts) + "\n"


def write_markdown(path: Path, text: str) -> None:
    """Write `text`, or put it between the marks of a page that has them."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    whole = f"{before}{BEGIN}\n{text}{END}{after}" if begin and end else text
    path.write_text(whole, encoding="utf-8")


def _plain(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{key} {value}" for key, value in fact.items())
    if isinstance(fact, list):
        return ", ".join(str(value) for value in fact) or "none"
    return str(fact)

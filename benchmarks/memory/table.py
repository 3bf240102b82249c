"""Results of the memory contract, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.memory.rows import IMAGES, Row

ROOM = 1.25
"""A prediction may be so many times what is measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """A measured row.

    Attributes:
        row: what was measured.
        predicted, measured: bytes.
        budget: bytes; None for no bound.
        stages: predicted bytes by stage.
        ran: what the plan chose, and how many tiles a request had.
        error: why it did not run; the rest is empty then.
    """

    row: Row
    predicted: int = 0
    measured: int = 0
    budget: int | None = None
    stages: dict[str, int] | None = None
    ran: str = ""
    error: str = ""

    @classmethod
    def read(cls, line: str) -> Result:
        """From a line of JSON."""
        found: dict[str, Any] = json.loads(line)
        return cls(**found | {"row": Row(**found["row"])})

    @property
    def ratio(self) -> float:
        """Predicted to measured."""
        return self.predicted / self.measured if self.measured else 0.0

    @property
    def holds(self) -> bool:
        """Whether the contract is kept."""
        kept = self.budget is None or self.measured <= self.budget
        return kept and 1 <= self.ratio <= ROOM


def as_table(results: Sequence[Result]) -> Table:
    """For a terminal."""
    table = Table("row", "ran", "predicted, MB", "measured, MB", "ratio", "holds")
    for result in results:
        if result.error:
            table.add_row(str(result.row), result.error[:60], "", "", "", "no")
            continue
        table.add_row(
            str(result.row),
            result.ran,
            f"{result.predicted / 1e6:.0f}",
            f"{result.measured / 1e6:.0f}",
            f"{result.ratio:.3f}",
            "yes" if result.holds else "no",
        )
    return table


def as_markdown(results: Sequence[Result]) -> str:
    """A line for each model and precision, a column for each image; predicted / measured MB."""
    plain = [r for r in results if r.row.count == r.row.batch == 1 and not r.row.budget]
    others = [result for result in results if result not in plain]
    lines = [f"| | {' | '.join(IMAGES)} |", f"|---|{'---|' * len(IMAGES)}"]
    for name in dict.fromkeys(_model(result.row) for result in plain):
        found = {r.row.image: r for r in plain if _model(r.row) == name}
        lines.append(f"| {name} | {' | '.join(_cell(found.get(i)) for i in IMAGES)} |")
    lines += ["", "| request | ran | predicted / measured |", "|---|---|---|"]
    lines += [f"| {_request(r.row)} | {r.ran} | {_cell(r)} |" for r in others]
    return "\n".join(lines)


def _model(row: Row) -> str:
    return f"{row.size} {row.backend} {row.precision}"


def _request(row: Row) -> str:
    parts: Iterator[str] = iter(
        (
            _model(row),
            f"{row.count} {row.image}{'s' if row.count > 1 else ''}",
            f"{row.batch} together" if row.batch > 1 else "",
            f"budget {row.budget}" if row.budget else "",
        )
    )
    return ", ".join(part for part in parts if part)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if result.error:
        return "does not run"
    return f"{result.predicted / 1e6:.0f} / {result.measured / 1e6:.0f}"

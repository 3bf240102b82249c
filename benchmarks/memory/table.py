"""Results of the memory contract, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.memory.rows import IMAGES, Row
from benchmarks.process import Answer
from benchmarks.tables import markdown_table

MARGIN = 1.25
"""A prediction is at most so many times what is measured, and never less than it."""


@dataclass(frozen=True, slots=True)
class Result:
    """A measured row, in bytes."""

    row: Row
    predicted: int = 0
    measured: int = 0
    budget: int | None = None
    stages: dict[str, int] | None = None  # predicted bytes by stage
    ran: str = ""  # what the plan chose, and how many tiles a request had
    error: str = ""  # why it did not run; the rest is empty then

    @classmethod
    def of(cls, row: Row, answer: Answer) -> Result:
        """The result of a row's process."""
        return cls(row, error=answer["error"]) if "error" in answer else cls(row, **answer)

    @property
    def ratio(self) -> float:
        """Predicted to measured."""
        return self.predicted / self.measured if self.measured else 0.0

    @property
    def holds(self) -> bool:
        """Whether the contract is kept."""
        kept = self.budget is None or self.measured <= self.budget
        return kept and 1 <= self.ratio <= MARGIN


def as_table(results: Sequence[Result]) -> Table:
    """For a terminal."""
    table = Table("row", "ran", "predicted, MB", "measured, MB", "ratio", "holds")
    for result in results:
        sizes = [f"{size / 1e6:.0f}" for size in (result.predicted, result.measured)]
        figures = [result.ran, *sizes, f"{result.ratio:.3f}"]
        said = [result.error[:60], "", "", ""] if result.error else figures
        table.add_row(str(result.row), *said, "yes" if result.holds else "no")
    return table


def as_markdown(results: Sequence[Result]) -> str:
    """A line for each model and precision, a column for each image; predicted / measured MB."""
    plain = [r for r in results if r.row.count == r.row.batch == 1 and not r.row.budget]
    others = [result for result in results if result not in plain]
    models: dict[str, dict[str, Result]] = {}
    for result in plain:
        models.setdefault(_model(result.row), {})[result.row.image] = result
    figures = [[name, *map(_cell, map(found.get, IMAGES))] for name, found in models.items()]
    requests = [[_request(r.row), r.ran, _cell(r)] for r in others]
    first = markdown_table(["", *IMAGES], figures)
    second = markdown_table(["request", "ran", "predicted / measured"], requests)
    return f"{first}\n\n{second}"


def _model(row: Row) -> str:
    return f"{row.size} {row.backend} {row.precision}"


def _request(row: Row) -> str:
    parts = [_model(row), f"{row.count} {row.image}{'s' if row.count > 1 else ''}"]
    if row.batch > 1:
        parts.append(f"{row.batch} together")
    if row.budget:
        parts.append(f"budget {row.budget}")
    return ", ".join(parts)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if result.error:
        return "does not run"
    return f"{result.predicted / 1e6:.0f} / {result.measured / 1e6:.0f}"

"""Made-up measurements, and what is printed of them."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.speed.report import print_report
from benchmarks.speed.rows import ROWS, Column

SAMPLED = [row.key for row in ROWS if row.ratio is None]


def made_up(engine: str, scale: float) -> Column:
    return Column(engine, {key: [scale, 3 * scale, 2 * scale] for key in SAMPLED})


def printed(columns: list[Column]) -> str:
    output = io.StringIO()
    print_report(Console(width=60, file=output), columns, {"cpu": "a [fast] one"}, {})
    return output.getvalue()

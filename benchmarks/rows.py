"""What is measured: the table's rows, their units, and the samples' form."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

Samples: TypeAlias = dict[str, list[float]]
"""Row key to the values measured so far."""

SHORT_CONTEXT = 100  # prompt tokens
LONG_CONTEXT = 1141  # prompt tokens: those of a 17-tile page with the model card's question


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        key: of its samples.
        label: what is measured and the unit shown.
        scale: the unit shown per unit of the samples (seconds, bytes, tokens per second).
        digits: after the point.
        more_is_better: else less is.
    """

    key: str
    label: str
    scale: float
    digits: int
    more_is_better: bool = False

    def best(self, values: Iterable[float]) -> float | None:
        """The best of the values; None of none."""
        return (max if self.more_is_better else min)(values, default=None)

    def show(self, value: float) -> str:
        return f"{value * self.scale:.{self.digits}f}"


ROWS = (
    Row("prepare", "image preparation, page, ms", 1e3, 0),
    Row("vision", "vision, per tile, s", 1, 3),
    Row("prefill", f"prefill, {LONG_CONTEXT} tokens, tok/s", 1, 0, True),
    Row("decode_short", f"decode after {SHORT_CONTEXT} tokens, tok/s", 1, 1, True),
    Row("decode_long", f"decode after {LONG_CONTEXT} tokens, tok/s", 1, 1, True),
    Row("page", "time to first token, page, s", 1, 2),
    Row("peak_page", "peak RSS, page, MB", 1e-6, 0),
    Row("peak_load", "peak RSS, loading, MB", 1e-6, 0),
    Row("load", "load, imports included, s", 1, 2),
)


@dataclass(slots=True)
class Column:
    """What one engine gave: samples, or why there are none."""

    engine: str
    samples: Samples
    error: str | None = None

    def add(self, samples: Samples) -> None:
        for key, values in samples.items():
            self.samples.setdefault(key, []).extend(values)

    def median(self, key: str) -> float | None:
        values = self.samples.get(key)
        return statistics.median(values) if values else None

    def page_is_summed(self) -> bool:
        return "page" not in self.samples and "page_summed" in self.samples

    def value(self, row: Row) -> float | None:
        """Median of a row; a page that was not run is the sum of its parts."""
        if row.key == "page" and self.page_is_summed():
            return self.median("page_summed")
        return self.median(row.key)


Notice: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""

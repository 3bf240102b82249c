"""The rows of the speed benchmark with their units, and what one engine gave for them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TypeAlias

Samples: TypeAlias = dict[str, list[float]]
"""Row key to the values measured so far."""

SHORT_CONTEXT = 100  # prompt tokens
PAGE_TILES = 17
LONG_CONTEXT = 1141  # prompt tokens: those of a page with the model card's question


@dataclass(frozen=True, slots=True)
class Row:
    """One row; samples are in seconds, bytes or tokens per second."""

    key: str
    label: str
    scale: float  # the unit shown per unit of the samples
    digits: int
    more_is_better: bool = False
    ratio: tuple[str, str] | None = None  # rows whose quotient it is; it has no samples then

    def show(self, value: float) -> str:
        return f"{value * self.scale:.{self.digits}f}"


ROWS = (
    Row("page", "first token, page 1700×2200 native, s", 1, 2),
    Row("prepare", "· image preparation, ms", 1e3, 0),
    Row("prepare_share", "· its share of the first token, %", 1e2, 1, ratio=("prepare", "page")),
    Row("vision", "· vision, per tile, s", 1, 3),
    Row("second", "first token, second question on the page, s", 1, 3),
    Row("second_ratio", "· ratio to the first", 1, 4, ratio=("second", "page")),
    Row("half", "first token, page with a blank lower half, s", 1, 2),
    Row("half_ratio", "· ratio to a full one", 1, 2, ratio=("half", "page")),
    Row("photo", "first token, photo 1024×768 auto, s", 1, 2),
    Row("icon_auto", "first token, icon 512×512 auto, s", 1, 2),
    Row("icon_native", "first token, icon 512×512 native, s", 1, 2),
    Row("prefill", f"prefill, {LONG_CONTEXT} tokens, tok/s", 1, 0, True),
    Row("decode_short", f"decode after {SHORT_CONTEXT} tokens, tok/s", 1, 1, True),
    Row("decode_long", f"decode after {LONG_CONTEXT} tokens, tok/s", 1, 1, True),
    Row("one_by_one", "8 requests one by one (1 tile, 64 tokens), s", 1, 1),
    Row("together", "8 requests together, s", 1, 1),
    Row("together_ratio", "· ratio to one by one", 1, 2, ratio=("together", "one_by_one")),
    Row("pages", "first token, 4 pages in one request, s", 1, 1),
    Row("pages_ratio", "· ratio to one page", 1, 2, ratio=("pages", "page")),
    Row("peak_page", "peak RSS, page, MB", 1e-6, 0),
    Row("peak_pages", "peak RSS, 4 pages, MB", 1e-6, 0),
    Row("peak_load", "peak RSS, loading, MB", 1e-6, 0),
    Row("load", "load, imports included, s", 1, 2),
    Row("cold", "fresh process to first token, 1 tile, s", 1, 2),
)
BY_KEY = {row.key: row for row in ROWS}


@dataclass(slots=True)
class Column:
    """What one engine gave: samples by row key, or why there are none.

    Samples `KEY_tiles` and `KEY_tokens` stand for a first token that was not run.
    """

    engine: str
    samples: Samples
    error: str | None = None
    plan: str = ""  # what the engine says it chose
    others: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    """By run: the share of the processor that other work took."""

    def add(self, samples: Samples) -> None:
        for key, values in samples.items():
            self.samples.setdefault(key, []).extend(values)

    def median(self, key: str) -> float | None:
        values = self.samples.get(key)
        return statistics.median(values) if values else None

    def spread(self, key: str) -> tuple[float, float] | None:
        """The least and the most of a row's samples; None for fewer than two."""
        values = self.samples.get(key, ())
        return (min(values), max(values)) if len(values) > 1 else None

    def runs(self, key: str) -> int:
        """How many samples a row has; for a quotient, the smaller number of the two."""
        ratio = BY_KEY[key].ratio
        if ratio:
            return min(self.runs(part) for part in ratio)
        return len(self.samples.get(key, ()))

    def is_estimate(self, key: str) -> bool:
        """Whether a value is a sum of parts or a peak with one layer, not a whole run."""
        ratio = BY_KEY[key].ratio
        if ratio:
            return any(self.is_estimate(part) for part in ratio)
        if key in self.samples:
            return key == "peak_page" and "page" not in self.samples
        return self.value(key) is not None

    def value(self, key: str) -> float | None:
        """Median of a row; a first token that was not run is the sum of its parts."""
        ratio = BY_KEY[key].ratio
        if ratio:
            top, bottom = self.value(ratio[0]), self.value(ratio[1])
            return top / bottom if top is not None and bottom else None
        if key in self.samples:
            return self.median(key)
        tiles, tokens = self.median(f"{key}_tiles"), self.median(f"{key}_tokens")
        vision, prefill = self.median("vision"), self.median("prefill")
        if tiles is None or tokens is None or vision is None or not prefill:
            return None
        # the preparation of a page: a smaller picture takes less, which is lost in the sum
        return (self.median("prepare") or 0.0) + tiles * vision + tokens / prefill

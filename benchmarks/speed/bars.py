"""The figures the project wants to reach, computed from the columns of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speed.engines import BF16, DEFAULT, FP32, LLAMA
from benchmarks.speed.rows import Column

MB = 1e6


@dataclass(frozen=True, slots=True)
class Bar:
    """One wanted figure: `top / bottom <= limit`, or `>=`. Without `bottom`, `top` itself."""

    label: str
    top: tuple[str, str]  # engine, row key
    bottom: tuple[str, str] | None
    limit: float
    at_least: bool = False
    wanted: bool = True  # False for a ratio that is shown beside the others and not judged


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured for a bar; nothing where a column or row is missing."""

    bar: Bar
    value: float | None = None
    reached: bool | None = None
    estimate: bool = False  # one side was summed up from parts
    runs: int = 0  # the smaller number of samples of both sides

    @property
    def verdict(self) -> str:
        if self.reached is None:
            return "not measured"
        if not self.bar.wanted:
            return "(shown beside)"
        return "reached" if self.reached else "MISSED"

    def show(self) -> str:
        """The value as text, with ~ before an estimate."""
        if self.value is None:
            return "-"
        mark = "~" if self.estimate else ""
        plain = f"{self.value / MB:.0f} MB" if self.bar.bottom is None else f"{self.value:.3f}"
        return mark + plain

    def show_limit(self) -> str:
        sign = "≥" if self.bar.at_least else "≤"
        limit = self.bar.limit
        return f"{sign} {limit / MB:.0f} MB" if self.bar.bottom is None else f"{sign} {limit:g}"


def wanted_bars() -> list[Bar]:
    """The bars, with those against float32 beside: many CPUs have no products of bf16."""
    return [
        Bar("page, first token ÷ transformers bf16", (DEFAULT, "page"), (BF16, "page"), 0.42),
        Bar("the same ÷ transformers fp32", (DEFAULT, "page"), (FP32, "page"), 0.42, wanted=False),
        Bar("page, first token ÷ llama.cpp", (DEFAULT, "page"), (LLAMA, "page"), 0.22),
        Bar("vision per tile ÷ transformers bf16", (DEFAULT, "vision"), (BF16, "vision"), 0.40),
        Bar(
            "the same ÷ transformers fp32", (DEFAULT, "vision"), (FP32, "vision"), 0.4, wanted=False
        ),
        Bar("image preparation ÷ first token, page", (DEFAULT, "prepare"), (DEFAULT, "page"), 0.05),
        _rate("prefill ÷ transformers bf16", "prefill", BF16, 1.3),
        _rate("the same ÷ transformers fp32", "prefill", FP32, 1.3, wanted=False),
        _rate("decode after a page ÷ transformers bf16", "decode_long", BF16, 4),
        _rate("the same ÷ transformers fp32", "decode_long", FP32, 4, wanted=False),
        _rate("decode after a page ÷ llama.cpp", "decode_long", LLAMA, 1.3),
        _rate("decode after 100 tokens ÷ llama.cpp", "decode_short", LLAMA, 1.3),
        Bar("second question ÷ first, page", (DEFAULT, "second"), (DEFAULT, "page"), 0.01),
        Bar("half a page ÷ a page", (DEFAULT, "half"), (DEFAULT, "page"), 0.65),
        Bar("512×512 auto ÷ native", (DEFAULT, "icon_auto"), (DEFAULT, "icon_native"), 0.12),
        Bar("8 together ÷ one by one", (DEFAULT, "together"), (DEFAULT, "one_by_one"), 0.6),
        Bar("peak RSS, page", (DEFAULT, "peak_page"), None, 600 * MB),
        Bar("peak RSS ÷ transformers bf16", (DEFAULT, "peak_page"), (BF16, "peak_page"), 0.5),
        Bar("4 pages ÷ 1, first token", (DEFAULT, "pages"), (DEFAULT, "page"), 4.3),
        Bar("4 pages ÷ 1, peak RSS", (DEFAULT, "peak_pages"), (DEFAULT, "peak_page"), 1.5),
    ]


def _rate(label: str, key: str, peer: str, limit: float, wanted: bool = True) -> Bar:
    return Bar(label, (DEFAULT, key), (peer, key), limit, at_least=True, wanted=wanted)


def judge(columns: Sequence[Column]) -> list[Outcome]:
    """Every bar with what was measured for it."""
    by_engine = {column.engine: column for column in columns if column.error is None}
    return [_outcome(bar, by_engine) for bar in wanted_bars()]


def _outcome(bar: Bar, columns: dict[str, Column]) -> Outcome:
    sides = [side for side in (bar.top, bar.bottom) if side is not None]
    found = [columns[engine].value(key) if engine in columns else None for engine, key in sides]
    top, bottom = found[0], found[1] if bar.bottom else 1.0
    if top is None or not bottom:
        return Outcome(bar)
    value = top / bottom
    reached = value >= bar.limit if bar.at_least else value <= bar.limit
    estimate = any(columns[engine].is_estimate(key) for engine, key in sides)
    runs = min(columns[engine].runs(key) for engine, key in sides)
    return Outcome(bar, value, reached, estimate, runs)

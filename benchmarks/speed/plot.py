"""The main figures of speed as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.plotting import pyplot
from benchmarks.speed.engines import is_ours
from benchmarks.speed.rows import BY_KEY, Column

PANELS = ("page", "decode_long", "second", "peak_page")
OURS, PEERS = "#2a6f97", "#b8b8b8"


def write_plot(path: Path, columns: Sequence[Column], subtitle: str) -> None:
    """Write a PNG with one bar chart per figure; estimates are hatched."""
    figure, axes = pyplot().subplots(1, len(PANELS), figsize=(4 * len(PANELS), 4.5))
    for axis, key in zip(axes, PANELS, strict=True):
        row = BY_KEY[key]
        shown = [(c, value) for c in columns if (value := c.value(key)) is not None][::-1]
        names = [column.engine for column, _ in shown]
        bars = axis.barh(
            names,
            [value * row.scale for _, value in shown],
            color=[OURS if is_ours(name) else PEERS for name in names],
            hatch=["//" if column.is_estimate(key) else "" for column, _ in shown],
        )
        axis.bar_label(bars, [row.show(value) for _, value in shown], padding=2, fontsize=8)
        axis.margins(x=0.2)
        axis.set_title(row.label + (" (more is better)" if row.more_is_better else ""), fontsize=9)
        axis.tick_params(labelsize=8)
    figure.suptitle(subtitle, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot().close(figure)

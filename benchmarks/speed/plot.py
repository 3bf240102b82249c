"""The main figures as a picture; wants matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.engines import is_ours
from benchmarks.speed.rows import BY_KEY, Column
from smolvlm_tools.errors import BackendUnavailable

PANELS = ("page", "decode_long", "second", "peak_page")
OURS, PEERS = "#2a6f97", "#b8b8b8"


def require_matplotlib() -> None:
    """Raise BackendUnavailable where matplotlib is missing, before hours of measuring."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise BackendUnavailable(
            f"the plot needs matplotlib ({error})", "pip install matplotlib"
        ) from error


def write_plot(path: Path, columns: Sequence[Column], subtitle: str) -> None:
    """Write a PNG with one bar chart per figure; estimates are hatched."""
    require_matplotlib()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(4 * len(PANELS), 4.5))
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
    pyplot.close(figure)

"""The reliability plot: accuracy over confidence, and how often each confidence occurs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.plotting import pyplot
from smolvlm_tools.quality.reliability import Scored, bins, keep

STEPS = 10
INK, MUTED = "#2a6f97", "#b8b8b8"


def write_reliability(path: Path, scored: Sequence[Scored]) -> None:
    """Write the picture.

    Left: the share of right answers in each tenth of confidence, with larger dots for fuller
    tenths; on the diagonal a confidence of 0.8 is right four times in five. Right: how many
    questions are still answered, and how many of those answers are right, over `min_confidence`.
    """
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(9, 4))
    left.plot([0, 1], [0, 1], color=MUTED, linestyle="--", label="perfectly calibrated")
    found = bins(scored, STEPS)
    confidence, accuracy = [b.confidence for b in found], [b.accuracy for b in found]
    sizes = [15 + 600 * b.count / len(scored) for b in found]
    left.plot(confidence, accuracy, color=INK, zorder=2)
    left.scatter(confidence, accuracy, sizes, INK, zorder=3, label="typed answers, by tenths")
    beside = {"textcoords": "offset points", "xytext": (0, -18), "ha": "center", "fontsize": 7}
    for each in found:
        left.annotate(str(each.count), (each.confidence, each.accuracy), **beside)
    left.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1.04), ylim=(0, 1.04))
    left.legend(loc="upper left", fontsize=8)
    _coverage(right, scored)
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None} if path.suffix == ".png" else None)
    pyplot().close(figure)


def _coverage(axis: Any, scored: Sequence[Scored]) -> None:
    kept = [keep(scored, step / 100) for step in range(101)]
    thresholds = [k.threshold for k in kept]
    right = [k.accuracy for k in kept]  # None leaves a gap
    axis.plot(thresholds, [k.coverage for k in kept], color=MUTED, label="answered")
    axis.plot(thresholds, right, color=INK, label="right, of those answered")
    axis.set(xlabel="min_confidence", ylabel="share", xlim=(0, 1.04), ylim=(0, 1.04))
    axis.legend(loc="lower left", fontsize=8)

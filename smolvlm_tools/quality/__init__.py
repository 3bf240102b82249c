"""What a precision costs in quality, against a reference on the same inputs.

    >>> from smolvlm_tools import open_checkpoint
    >>> from smolvlm_tools.quality import measure_quality
    >>> report = measure_quality(open_checkpoint("embedded"), ["int8"])
    >>> report.within_bounds
    True

`scripts` and `tasks` say what is read, `engines` and `reading` run it, `divergence`, `components`
and `metrics` compare, `report` holds the result and its bounds, `measure` runs all of them.
"""

from __future__ import annotations

from .measure import PARTS, POSITIONS, measure_quality
from .report import Bounds, Broken, ComponentQuality, EngineQuality, QualityReport, TextQuality
from .tasks import TaskScore

__all__ = [
    "PARTS",
    "POSITIONS",
    "Bounds",
    "Broken",
    "ComponentQuality",
    "EngineQuality",
    "QualityReport",
    "TaskScore",
    "TextQuality",
    "measure_quality",
]

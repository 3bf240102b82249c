"""How far a component's values are from what they should be."""

from __future__ import annotations

import numpy as np

from ..errors import ModelInvalid
from .quantize import Floats
from .report import ComponentError

REMEDY = "This is a bug in the export: report it with the checkpoint's config.json."


def compare(component: str, precision: str, found: Floats, truth: Floats) -> ComponentError:
    """How far values are from true ones.

    Raises:
        ModelInvalid: they have another shape, or are not all finite.
    """
    if found.shape != truth.shape or not np.isfinite(found).all():
        raise ModelInvalid(
            f"{component} ({precision}) returns {found.shape} with "
            f"{int((~np.isfinite(found)).sum())} NaN or infinite values; torch returns "
            f"{truth.shape} and finite values",
            REMEDY,
        )
    difference, size = np.abs(found - truth), np.abs(truth)
    tiny = float(np.finfo(np.float32).tiny)
    return ComponentError(
        component,
        precision,
        max_relative=float(difference.max()) / max(float(size.max()), tiny),
        mean_relative=float(difference.mean()) / max(float(size.mean()), tiny),
    )

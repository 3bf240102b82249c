"""matplotlib, where it is installed."""

from __future__ import annotations

from typing import Any

from smolvlm_tools.errors import BackendUnavailable


def pyplot() -> Any:
    """`matplotlib.pyplot`, drawing to files only; call it before hours of measuring."""
    try:
        import matplotlib
    except ImportError as error:
        raise BackendUnavailable(
            f"the plot needs matplotlib ({error})", "pip install matplotlib"
        ) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot

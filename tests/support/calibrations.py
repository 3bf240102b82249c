"""Calibrations of the embedded checkpoint for tests."""

from __future__ import annotations

from smolvlm_tools import Calibration
from smolvlm_tools.decoding.calibration import Engine, Figures, FittedKind
from smolvlm_tools.decoding.scales import Prior, Scale

ENGINE = Engine(model="smolvlm-embedded", revision=None, backend="onnx", precision="fp32")
_FIGURES = Figures(right=0.5, auroc=0.5, auroc_interval=(0, 1), error=0.1, error_interval=(0, 1))


def calibration(**scales: Scale) -> Calibration:
    """Scales by kind, with "_" for "-"."""
    kinds = [
        FittedKind(
            kind=name.replace("_", "-"),  # pyright: ignore[reportArgumentType]
            scale=scale,
            answers=20,
            measured_on="out of fold",
            before=_FIGURES,
            after=_FIGURES,
        )
        for name, scale in scales.items()
    ]
    return Calibration(
        method="labelled", engine=ENGINE, package="0", date="2020-01-01", kinds=tuple(kinds)
    )


def prior_of(**shares: float) -> Calibration:
    """A prior, as logarithms by option."""
    prior = Prior(options=tuple(shares), logs=tuple(shares.values()), questions=1)
    return Calibration(
        method="content-free", engine=ENGINE, package="0", date="2020-01-01", priors=(prior,)
    )

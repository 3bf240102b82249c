"""TensorBoard, for those who have it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, cast

from ...errors import BackendUnavailable
from ..records import StepRecord


class Board:
    """Writes steps as TensorBoard reads them.

    Args:
        folder: where its event files go.

    Raises:
        BackendUnavailable: tensorboard isn't installed.
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise BackendUnavailable(
                "tensorboard is not installed", "Run `pip install tensorboard`, or leave it out."
            )
        from torch.utils import tensorboard

        self._writer = cast("Any", tensorboard).SummaryWriter(str(folder))

    def __call__(self, record: StepRecord) -> None:
        """Write a step."""
        values = {
            "loss/train": record.loss,
            "loss/held out": record.held_out_loss,
            "learning rate": record.rate,
            "gradient norm": record.grad_norm,
            "tokens a second": record.tokens / max(record.seconds, 1e-9),
        }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, record.step)

    def close(self) -> None:
        self._writer.close()

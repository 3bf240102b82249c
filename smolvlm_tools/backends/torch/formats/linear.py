"""Linear layers out of weights or out of stored tensors, and those that are not quantized."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ..names import library_of
from ..plan import WEIGHTS, Plan
from .choose import format_of, quantize_weight, typed_errors
from .matrix import Joined, Matrix, Stored
from .registry import EXPANDED, EXPANDED_FOR_FEW, FEW_ROWS


def make_matrix(
    weight: torch.Tensor, bias: torch.Tensor | None, kind: str, plan: Plan, shared: bool = False
) -> Matrix:
    """A linear layer out of a weight (outputs, inputs) and a bias (outputs,) of any float dtype.

    `shared`: someone else holds the weight, so that a second copy would cost memory.
    """
    if kind not in WEIGHTS:
        return make_together([weight], [] if bias is None else [bias], kind, plan)
    if bias is not None:
        bias = bias.to(plan.device, plan.activations)
    weight = weight.to(plan.device, WEIGHTS[kind])
    if weight.dtype != plan.activations:
        return StoredMatrix(weight, bias, plan)
    wide = plan.device == "cpu" and weight.dtype == torch.float32 and len(weight) > weight.shape[1]
    if wide and not shared and bias is None:
        return TransposedMatrix(weight)
    return DenseMatrix(weight, bias)


def make_together(
    weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor], kind: str, plan: Plan
) -> Matrix:
    """Linear layers that share an argument, as one; see `make_matrix`."""
    if kind in WEIGHTS:
        return make_matrix(_join(weights), _join(biases) if biases else None, kind, plan)
    parts = [quantize_weight(weight.to(plan.device), kind) for weight in weights]
    outputs, inputs = [len(weight) for weight in weights], weights[0].shape[1]
    return restore_together(parts, biases, kind, (outputs, inputs), plan)


def restore_together(
    parts: Sequence[Stored],
    biases: Sequence[torch.Tensor],
    kind: str,
    shape: tuple[Sequence[int], int],  # outputs of each, and the inputs
    plan: Plan,
) -> Matrix:
    """Linear layers that share an argument, as one, out of quantized tensors.

    In our formats they are one matrix; a library's stay apart, as its files have them.
    """
    outputs, inputs = shape
    if library_of(kind) is None:
        parts = [{name: _join([part[name] for part in parts]) for name in parts[0]}]
        outputs, biases = [sum(outputs)], [_join(biases)] if biases else []
    matrices: list[Matrix] = []
    for n, part in enumerate(parts):
        stored = {name: tensor.to(plan.device) for name, tensor in part.items()}
        bias = biases[n].to(plan.device, plan.activations) if biases else None
        with typed_errors(kind, plan.device):
            made = format_of(kind).matrix(
                stored, kind, (outputs[n], inputs), bias, plan.activations
            )
        matrices.append(made)
    return matrices[0] if len(matrices) == 1 else Joined(matrices, outputs)


def _join(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


class DenseMatrix:
    """Weights in the dtype that activations are multiplied in."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.weight, self._bias = weight, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight, self._bias)


class TransposedMatrix:
    """float32 weights as (inputs, outputs): one row times a wide matrix is 1.7 times as fast."""

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = weight.t().contiguous()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(self._weight.dtype) @ self._weight


class StoredMatrix:
    """16-bit weights for a CPU that multiplies float32 faster.

    One row is multiplied with bfloat16 weights as stored, since memory is the limit there. More
    rows go through float32. Few rows are rounded as one row would be, so that a sequence gets the
    same result alone and among others.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, plan: Plan) -> None:
        self._weight, self._bias, self._many = weight, bias, plan.activations
        self._alone = weight.dtype == torch.bfloat16

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        stored, few = self._weight.dtype, self._alone and len(x) <= FEW_ROWS
        x = x.to(stored) if few else x
        if few and len(x) == 1:
            y = F.linear(x, self._weight)
        else:
            y = self._expanded(x.to(self._many), EXPANDED_FOR_FEW if few else EXPANDED)
            y = y.to(stored) if few else y
        return y if self._bias is None else y + self._bias

    def _expanded(self, x: torch.Tensor, outputs: int) -> torch.Tensor:
        """The product, `outputs` rows of the matrix at a time."""
        if len(self._weight) <= outputs:
            return F.linear(x, self._weight.to(x.dtype))
        return torch.cat([F.linear(x, w.to(x.dtype)) for w in self._weight.split(outputs)], 1)

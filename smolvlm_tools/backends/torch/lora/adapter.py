"""A LoRA adapter in PEFT's format, merged into a checkpoint's tensors one by one as they are read.

Reads what peft's `save_pretrained` writes and computes what its `merge_and_unload` does. peft would
need the whole model in memory once more. The tensors themselves say which layers are adapted, so
`target_modules` is not consulted.

W' = W + scale * B A, with scale = alpha / r, or alpha / sqrt(r) (rsLoRA)
W' = m * (W + scale * B A) / ||W + scale * B A||, a norm per output (DoRA)

It is computed in float32 and stored in the dtype of W's file, as in peft, but in place and some
rows at a time: loading takes only a few megabytes more with an adapter than without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from ....checkpoint.adapter import ADAPTER_CONFIG, ADAPTER_TENSORS, AdapterFiles
from ....errors import ModelInvalid
from ..weights import TorchWeights
from .changes import OTHER_BASE, Change, find_changes
from .config import AdapterConfig

VALUES_AT_ONCE = 1 << 20
"""Entries of a matrix that are float32 at one time."""


@dataclass(slots=True)
class Adapter:
    """An adapter's tensors, by the tensors of the checkpoint that they change."""

    name: str  # for messages
    _config: AdapterConfig
    _tensors: TorchWeights
    _shapes: dict[str, tuple[int, ...]]
    _changes: dict[str, Change] = field(default_factory=dict[str, Change])

    def __contains__(self, name: str) -> bool:
        return name in self._changes

    def check_all_used(self) -> None:
        """Check that every tensor of the file went into one of the checkpoint."""
        if left := sorted(self._tensors.unread):
            raise ModelInvalid(
                f"{len(left)} tensors of the adapter {self.name} went into no layer, such as "
                f"{left[0]}",
                OTHER_BASE,
            )

    def replaces_rows(self, name: str) -> bool:
        """Whether a tensor changes in the rows of some tokens only."""
        change = self._changes[name]
        return bool(change.rows) and not (change.value or change.b)

    def replaces(self, name: str) -> bool:
        """Whether a tensor is replaced as a whole before anything else is done to it."""
        return bool(self._changes[name].value)

    def assign(self, known: Callable[[str], bool]) -> None:
        """Find the tensor of the checkpoint that each of the adapter's changes."""
        self._changes = find_changes(self._shapes, known, self._config.use_dora, self.name)

    def apply(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Change the tensor `name`, in place where it is not replaced as a whole."""
        change = self._changes[name]
        if change.value:
            weight = self._read(change.value, tuple(weight.shape)).to(weight.dtype)
        if change.b:
            self._merge(name, change, weight)
        if change.shift:
            shift = self._read(change.shift, tuple(weight.shape)).float()
            weight += (self._config.scale_of(change.module) * shift).to(weight.dtype)
        if change.rows:
            self._replace_rows(name, change, weight)
        return weight

    def _replace_rows(self, name: str, change: Change, weight: torch.Tensor) -> None:
        """Put the adapter's rows of single tokens into a table (tokens, width)."""
        ids = self._config.rows_of(change.module)
        if not ids or max(ids) >= len(weight):
            raise ModelInvalid(
                f"the adapter {self.name} has rows of the tokens {list(ids)} for {name}, which has "
                f"{len(weight)}",
                OTHER_BASE,
            )
        weight[list(ids)] = self._read(change.rows, (len(ids), weight.shape[1])).to(weight.dtype)

    def _merge(self, name: str, change: Change, weight: torch.Tensor) -> None:
        """W + scale * B A, or its DoRA form, into `weight`."""
        flat = weight.view(len(weight), -1)
        left, right = self._factors(change, weight)
        scale = self._config.scale_of(change.module)

        def parts() -> Iterator[tuple[slice, torch.Tensor]]:
            step = max(1, VALUES_AT_ONCE // flat.shape[1])
            for start in range(0, len(flat), step):
                rows = slice(start, start + step)
                yield rows, torch.addmm(flat[rows].float(), left[rows], right, alpha=scale)

        columns = None
        if change.magnitude and change.table:
            norms = sum((part.square().sum(0) for _, part in parts()), torch.zeros(()))
            columns = self._read(change.magnitude, (flat.shape[1],)).float() / norms.sqrt()
        outputs = None
        if change.magnitude and not change.table:
            shape = (1, len(weight), 1, 1) if weight.dim() == 4 else (len(weight),)
            outputs = self._read(change.magnitude, shape).float().flatten()
        for rows, part in parts():
            if outputs is not None:
                part *= (outputs[rows] / torch.linalg.vector_norm(part, dim=1))[:, None]
            if columns is not None:
                part *= columns
            flat[rows] = part.to(flat.dtype)
            self._check_finite(name, flat[rows])

    def _factors(self, change: Change, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The float32 factors (outputs, r) and (r, inputs) whose product is added to a matrix."""
        rank, outputs, shape = self._config.rank_of(change.module), len(weight), weight.shape[1:]
        ones = (1,) * (weight.dim() - 2)  # a convolution's kernel
        if change.table:
            a = self._read(change.a, (rank, outputs)).float()
            b = self._read(change.b, (shape[0], rank)).float()
            return a.t(), b.t()
        a = self._read(change.a, (rank, *shape)).float()
        b = self._read(change.b, (outputs, rank, *ones)).float()
        return b.view(outputs, rank), a.view(rank, -1)

    def _read(self, key: str, shape: tuple[int, ...]) -> torch.Tensor:
        if (stored := self._shapes[key]) != shape:
            raise ModelInvalid(
                f"the adapter {self.name} has {key} as {stored}, the checkpoint and the "
                f"adapter's configuration say {shape}",
                OTHER_BASE,
            )
        tensor = self._tensors.get(key, shape)
        for part in tensor.view(-1).split(VALUES_AT_ONCE):
            self._check_finite(key, part)
        return tensor

    def _check_finite(self, name: str, values: torch.Tensor) -> None:
        if not bool(torch.isfinite(values).all()):
            raise ModelInvalid(
                f"the adapter {self.name} gives NaN or infinite values in {name}",
                "Use an adapter of this checkpoint with finite weights.",
            )


def open_adapter(files: AdapterFiles) -> Adapter:
    """Read an adapter's configuration, and the names and shapes of its tensors."""
    config = AdapterConfig.from_file(files.folder / ADAPTER_CONFIG)
    path = files.folder / ADAPTER_TENSORS
    tensors = TorchWeights([path])
    shapes = tensors.shapes
    if not shapes:
        raise ModelInvalid(f"{path.name} of {files.id} holds no tensors", "Fetch it again.")
    return Adapter(files.id, config, tensors, shapes)

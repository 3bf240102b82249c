"""A checkpoint's tensors with an adapter merged into them; replaces `TorchWeights`.

Where embeddings are tied, the output matrix is the token table. An adapter of one of the two
changes only that one, as in peft before its merge: both start from the stored table. Rows of single
tokens (`trainable_token_indices`) are the exception: peft keeps them tied.
"""

from __future__ import annotations

import torch

from ..weights import TorchWeights
from .adapter import Adapter


class MergedWeights:
    """The tensors of a checkpoint by name, changed by an adapter that nothing else uses.

    `table` and `head` name the token table and the output matrix.
    """

    def __init__(
        self, base: TorchWeights, adapter: Adapter, table: str, head: str, tied: bool
    ) -> None:
        self._base, self._adapter, self._table, self._head = base, adapter, table, head
        self._tied = tied and head not in base
        adapter.assign(lambda name: name in base or (self._tied and name == head))

    @property
    def unread(self) -> set[str]:
        """Names of the checkpoint's tensors that nobody has asked for yet."""
        return self._base.unread

    def __contains__(self, name: str) -> bool:
        if name == self._head and self._tied:
            return name in self._adapter or not self._follows_table
        return name in self._base

    @property
    def _follows_table(self) -> bool:
        return self._table not in self._adapter or self._adapter.replaces_rows(self._table)

    def get(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor `name` in the dtype of its file, in memory of its own."""
        from_table = name == self._head and self._tied
        stored = self._table if from_table else name
        if name in self._adapter and self._adapter.replaces(name):
            tensor = self._base.map(stored, shape)  # only its dtype is looked at
        else:
            tensor = self._base.get(stored, shape)
            if from_table and self._table in self._adapter and self._follows_table:
                self._adapter.apply(self._table, tensor)
        return self._adapter.apply(name, tensor) if name in self._adapter else tensor

    def map(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor as the mapped file, or in memory of its own if the adapter changes it."""
        return self.get(name, shape) if name in self._adapter else self._base.map(name, shape)

    def check_all_used(self) -> None:
        """Check that all of the adapter went into the model."""
        self._adapter.check_all_used()

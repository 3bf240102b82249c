"""Drives one loaded backend over scripts.

The decoder is fed in two ways: by token ids, as in normal use, or by rows, the embedding of every
token given from outside, so that it can be judged on another engine's inputs. Rows are passed as
the image features of image tokens, which every backend uses in place of its own embeddings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..arrays import Features, Logits, Tiles, TokenIds
from ..backends.base import AnyBackend
from ..errors import ModelInvalid
from .scripts import Script

Rows = NDArray[np.float32]
"""Embeddings or image features, (rows, hidden)."""


class Embedding(Protocol):
    """What a backend needs beyond the protocol."""

    def embed(self, token_ids: TokenIds) -> Any:
        """Rows of the token table for ids (L,): (L, hidden), in the backend's own array type."""
        ...


class Engine:
    """One loaded backend, which must be local: a remote one returns no logits."""

    def __init__(self, backend: AnyBackend, image_token_id: int) -> None:
        self.backend = backend
        self._image_token_id = image_token_id

    @property
    def name(self) -> str:
        return f"{self.backend.name} {self.backend.precision}"

    def features(self, pictures: Sequence[Tiles]) -> list[Rows]:
        """Output of vision tower and connector for each picture's tiles, one tile per call."""
        return [
            np.concatenate([_rows(self.backend.encode(tile[None])) for tile in tiles])
            for tiles in pictures
        ]

    def embed(self, token_ids: TokenIds) -> Rows:
        """Rows (L, hidden) of the token table."""
        return _rows(cast(Embedding, self.backend).embed(token_ids))

    def read(self, script: Script, features: Rows | None) -> Iterator[Logits]:
        """Logits (vocab,) before each token of the continuation, by token ids."""
        steps = script.continuation
        cache = self.backend.create_cache(len(script.prompt) + len(steps))
        try:
            yield self._checked(self.backend.forward(script.prompt, cache, self._own(features)))
            for at in range(len(steps) - 1):
                yield self._checked(self.backend.step(steps[at : at + 1], [cache])[0])
        finally:
            self.backend.release_cache(cache)

    def read_rows(self, script: Script, embedded: Rows, features: Rows | None) -> Iterator[Logits]:
        """The same by rows: `embedded` of all `script.token_ids`, and `features` of its picture."""
        rows, first = np.array(embedded, dtype=np.float32), len(script.prompt)
        if features is not None:
            rows[script.token_ids == self._image_token_id] = features
        cache = self.backend.create_cache(len(rows))
        try:
            for part in (rows[:first], *(rows[at : at + 1] for at in range(first, len(rows)))):
                ids = np.full(len(part), self._image_token_id, dtype=np.int64)
                yield self._checked(self.backend.forward(ids, cache, self._own(part)))
        finally:
            self.backend.release_cache(cache)

    def reply(
        self, script: Script, features: Rows | None, end_ids: Collection[int], limit: int
    ) -> tuple[list[int], list[Logits]]:
        """The greedy reply with its end token, and the logits before each of its tokens."""
        ends = list(end_ids)
        cache = self.backend.create_cache(len(script.prompt) + limit)
        tokens: list[int] = []
        logits: list[Logits] = []
        try:
            found = self.backend.forward(script.prompt, cache, self._own(features))
            while True:
                logits.append(self._checked(found))
                tokens.append(_likeliest(found, [] if len(tokens) >= script.at_least else ends))
                if len(tokens) == limit or tokens[-1] in end_ids:
                    return tokens, logits
                found = self.backend.step(np.array(tokens[-1:]), [cache])[0]
        finally:
            self.backend.release_cache(cache)

    def _own(self, rows: Rows | None) -> Sequence[Features]:
        """Rows in the form in which this backend's `encode` returns features."""
        if rows is None:
            return ()
        if self.backend.name != "torch":
            return (rows[None],)
        import torch

        return (torch.from_numpy(rows).to(self.backend.device)[None],)

    def _checked(self, logits: Logits) -> Logits:
        """A copy, which the next call cannot overwrite; raises `ModelInvalid` if not finite."""
        found = np.array(logits, dtype=np.float32)
        if not np.isfinite(found).all():
            bad = int((~np.isfinite(found)).sum())
            raise ModelInvalid(
                f"{bad} of {found.size} logits of {self.name} are NaN or infinite",
                "It does not work on this machine: choose another precision.",
            )
        return found


def _likeliest(logits: Logits, without: Sequence[int]) -> int:
    """The likeliest token except those of `without`."""
    allowed = np.array(logits)
    allowed[without] = -np.inf
    return int(allowed.argmax())


def _rows(found: Any) -> Rows:
    """(…, hidden) in any backend's array type → (rows, hidden) float32 of numpy."""
    if hasattr(found, "detach"):  # torch; numpy has no bfloat16
        found = found.detach().float().cpu().numpy()
    return np.array(found, dtype=np.float32).reshape(-1, found.shape[-1])

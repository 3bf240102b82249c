"""Reads samples one batch ahead of what is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import torch

from .encoding import Encoder, Example
from .order import Batch
from .samples import Samples
from .survey import Survey

Row: TypeAlias = tuple[int | None, Example]
"""An example, and its position in the survey; None for one that only fills a place."""


@dataclass(slots=True)
class Feed:
    """Samples that are encoded when their batch comes, or known from an earlier epoch.

    Args:
        samples: of which `survey` tells the usable ones.
        encoder: used by one thread only.
        most_bytes: that features of images may take; 0 where they change while the model learns.
    """

    samples: Samples
    survey: Survey
    encoder: Encoder
    most_bytes: int
    _examples: dict[int, Example] = field(default_factory=dict[int, Example])
    _features: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    _bytes: int = 0

    def stream(self, batches: Iterable[Batch]) -> Generator[list[Row]]:
        """The examples of one batch after the other.

        Of an empty batch it is one without answers: every process has to take part.
        """
        ahead: deque[Future[list[Row]]] = deque()
        with ThreadPoolExecutor(1, "smolvlm-feed") as pool:
            for batch in batches:
                ahead.append(pool.submit(self._read, batch))
                if len(ahead) > 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def features(self, position: int) -> torch.Tensor | None:
        """What `keep` was given for a sample."""
        return self._features.get(position)

    def keep(self, position: int, example: Example, features: torch.Tensor) -> None:
        """Keep the features of a sample's images for later epochs, if there is room.

        Nothing is ever given up for something newer: each epoch asks for everything once, so what
        was used last is what is needed latest.
        """
        size = features.nbytes
        if self._bytes + size <= self.most_bytes:
            self._bytes += size
            self._features[position] = features.cpu()
            self._examples[position] = replace(example, frames=example.frames[:0].copy())

    def _read(self, batch: Batch) -> list[Row]:
        if batch:
            return [(position, self._example(position)) for position in batch]
        lengths = self.survey.lengths
        example = self._encoded(lengths.index(min(lengths)))
        return [(None, replace(example, is_answer=np.zeros_like(example.is_answer)))]

    def _example(self, position: int) -> Example:
        known = self._examples.get(position)
        return self._encoded(position) if known is None else known

    def _encoded(self, position: int) -> Example:
        sample = self.samples[self.survey.indices[position]]
        return self.encoder.encode(sample, self.survey.extents[position].max_side)

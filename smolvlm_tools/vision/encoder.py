"""Images of a request → features: cut, normalised and encoded a micro-batch of tiles at a time.

Knows which features are kept already and what to do when memory runs out; not what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Features
from ..backends.base import AnyBackend
from ..cache import ImageKey, Kept
from ..checkpoint.config import ModelConfig
from ..decoding.clock import StageClock
from ..engine.admission import Admitted
from ..engine.scheduler import CheckCancelled
from ..errors import ModelInvalid, SmolVLMError
from ..images import LoadedImage
from ..machine.exhaustion import ran_out
from ..machine.heap import trim_heap
from .tiles import Frames, cut_frames, normalise


@dataclass(slots=True)
class Encoding:
    """What became of a request's images.

    Attributes:
        features: of the image tokens that have to be read, in prompt order.
        cached_tiles: tiles that did not have to be encoded.
        tiles: whose features are there.
        halved: whether memory ran out once and the micro-batch was halved.
    """

    features: list[Features] = field(default_factory=list[Features])
    cached_tiles: int = 0
    tiles: int = 0
    halved: bool = False


class VisionEncoder:
    """Encodes the images of one engine's requests."""

    def __init__(
        self, backend: AnyBackend, config: ModelConfig, kept: Kept, tiles_per_batch: int
    ) -> None:
        self._backend, self._config, self._kept = backend, config, kept
        self._tiles_per_batch = tiles_per_batch

    def encode(
        self,
        admitted: Admitted,
        check_cancelled: CheckCancelled,
        clock: StageClock,
        report: Callable[[int], None],
    ) -> Generator[None, Any, Encoding]:
        """Features of the image tokens that are not known; yields after each micro-batch.

        `report` is told how many tiles are done.

        One micro-batch of tiles exists at a time, and one image's tiles as bytes.

        Raises:
            OutOfMemoryBudget: memory ran out, and again with half as many tiles.
        """
        layout, keys, known = admitted.layout, admitted.known.keys, admitted.known.tokens
        places = np.flatnonzero(layout.prompt.token_ids == self._config.image_token_id)
        done = Encoding()
        end = 0
        for image, key in zip(layout.images, keys, strict=True):
            end += key.grid.image_tokens
            parts = self._kept.features.get(key)
            if places[end - 1] < known or parts is not None:
                done.cached_tiles += key.grid.tiles
                done.tiles += key.grid.tiles
                report(done.tiles)
            if places[end - 1] < known:
                continue
            if parts is None:
                parts = yield from self._encode_image(
                    image, key, done, check_cancelled, clock, report
                )
                self._kept.features.put(key, parts)
            first = end - key.grid.image_tokens
            done.features += _without_rows(parts, int(np.count_nonzero(places[first:end] < known)))
        return done

    def _encode_image(
        self,
        image: LoadedImage,
        key: ImageKey,
        done: Encoding,
        check_cancelled: CheckCancelled,
        clock: StageClock,
        report: Callable[[int], None],
    ) -> Generator[None, Any, tuple[Features, ...]]:
        with clock.stage("preprocess"):
            frames = cut_frames(image.pixels, key.grid, self._config.image)
        parts: list[Features] = []
        size = self._tiles_per_batch // 2 if done.halved else self._tiles_per_batch
        start = 0
        while start < len(frames):
            check_cancelled()
            try:
                batch = frames[start : start + size]
                parts.append(self._encode_tiles(batch, clock))
            except (MemoryError, SmolVLMError) as error:
                if done.halved or size == 1 or not ran_out(error):
                    raise
            else:
                start += size
                done.tiles += len(batch)
                report(done.tiles)
                yield
                continue
            done.halved = True
            size //= 2
            self._kept.clear()
            trim_heap()
        self._check_rows(parts, key)
        return tuple(parts)

    def _encode_tiles(self, frames: Frames, clock: StageClock) -> Features:
        with clock.stage("preprocess"):
            tiles = normalise(frames, self._config.image)
        with clock.stage("vision"):
            return self._backend.encode(tiles)

    def _check_rows(self, parts: Iterable[Features], key: ImageKey) -> None:
        rows = sum(part.shape[0] * part.shape[1] for part in parts)
        if rows != key.grid.image_tokens:
            raise ModelInvalid(
                f"the vision tower gave {rows} features for {key.grid.image_tokens} image tokens",
                "config.json and the weights do not belong together.",
            )


def _without_rows(parts: Iterable[Features], skip: int) -> Iterator[Features]:
    """Features (tiles, tokens, hidden) without their first `skip` tokens."""
    for part in parts:
        rows = part.shape[0] * part.shape[1]
        if skip < rows:
            yield part.reshape(rows, -1)[skip:] if skip else part
        skip = max(0, skip - rows)

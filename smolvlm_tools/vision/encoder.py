"""Images of a request → features, a micro-batch of tiles at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..arrays import Features
from ..backends.base import AnyBackend
from ..cache import EngineCaches, ImageKey
from ..checkpoint.config import ModelConfig
from ..decoding.clock import StageClock
from ..decoding.running import RunningReply
from ..errors import ModelInvalid, SmolVLMError
from ..images import LoadedImage
from ..machine.exhaustion import ran_out
from ..machine.heap import trim_heap
from ..machine.stopping import stoppable_by
from .tiles import Frames, cut_frames, normalise


class VisionEncoder:
    """Encodes the images of one engine's requests."""

    def __init__(
        self, backend: AnyBackend, config: ModelConfig, caches: EngineCaches, tiles_per_batch: int
    ) -> None:
        self._backend, self._config, self._caches = backend, config, caches
        self._tiles_per_batch = tiles_per_batch

    def encode(self, reply: RunningReply) -> Generator[None, Any, None]:
        """Give a reply the features that it has to read; yields after each micro-batch.

        One micro-batch of tiles exists at a time, and one image's tiles as bytes.

        Raises:
            OutOfMemoryBudget: memory ran out, and again with half as many tiles.
        """
        known = reply.known
        features: list[Features] = []
        tiles = 0
        for image, key, read in zip(reply.layout.images, known.keys, known.read_rows, strict=True):
            parts = self._caches.features.get(key)
            is_read = read == key.grid.image_tokens
            if is_read or parts is not None:
                reply.cached_tiles += key.grid.tiles
                reply.report("vision", tiles + key.grid.tiles, reply.tiles)
            elif parts is None:
                parts = yield from self._encode_image(reply, image, key, tiles)
                self._caches.features.put(key, parts)
            tiles += key.grid.tiles
            if not is_read and parts is not None:
                features += _without_rows(parts, read)
        reply.features = features

    def _encode_image(
        self, reply: RunningReply, image: LoadedImage, key: ImageKey, before: int
    ) -> Generator[None, Any, tuple[Features, ...]]:
        """Features of an image whose tiles come after `before` others."""
        with reply.clock.stage("preprocess"):
            frames = cut_frames(image.pixels, key.grid, self._config.image)
        parts: list[Features] = []
        size = self._tiles_per_batch
        if "halved_micro_batch" in reply.flags:
            size //= 2
        start = 0
        while start < len(frames):
            reply.check_cancelled()
            batch = frames[start : start + size]
            try:
                with stoppable_by(reply.check_cancelled):
                    parts.append(self._encode_tiles(batch, reply.clock))
            except (MemoryError, SmolVLMError) as error:
                if "halved_micro_batch" in reply.flags or size == 1 or not ran_out(error):
                    raise
            else:
                start += len(batch)
                reply.report("vision", before + start, reply.tiles)
                yield
                continue
            reply.flags.append("halved_micro_batch")
            size //= 2
            self._caches.clear()
            self._caches.give_looks_up()
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

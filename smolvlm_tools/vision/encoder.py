"""Images of a request → features, a micro-batch of tiles at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from ..arrays import Features
from ..backends.base import AnyBackend
from ..cache import EngineCaches, ImageKey, TileKey
from ..checkpoint.config import ModelConfig
from ..decoding.protocol import Unit
from ..decoding.running import RunningReply
from ..errors import ModelInvalid, SmolVLMError
from ..images import LoadedImage
from ..machine.closing import Closing
from ..machine.exhaustion import ran_out
from ..machine.heap import trim_heap
from ..machine.stopping import stoppable_by
from .tiles import Frames, cut_frames, normalise

_HALVED = "halved_micro_batch"


class _Look:
    """How far a reply's images are encoded.

    Attributes:
        known: features of the tiles that this reply has seen so far; no others are needed again.
    """

    def __init__(self, reply: RunningReply) -> None:
        self.reply = reply
        self.known: dict[TileKey, Features] = {}
        self._seen = 0

    @property
    def is_halved(self) -> bool:
        """Whether memory ran out once, so that micro-batches are half as large."""
        return _HALVED in self.reply.flags

    def halve(self) -> None:
        """Make them so."""
        self.reply.flags.append(_HALVED)

    def saw(self, tiles: int, kept: bool) -> None:
        """Count tiles, and report them."""
        self._seen += tiles
        if kept:
            self.reply.cached_tiles += tiles
        if tiles:
            self.reply.report("vision", self._seen, self.reply.tiles)


class VisionEncoder(Closing):
    """Encodes the images of one engine's requests.

    Args:
        somebody_reads: whether others are to go on meanwhile, as their tokens are read.
    """

    def __init__(
        self,
        backend: AnyBackend,
        config: ModelConfig,
        caches: EngineCaches,
        tiles_per_batch: int,
        somebody_reads: Callable[[], bool] = lambda: False,
    ) -> None:
        self._backend, self._config, self._caches = backend, config, caches
        self._tiles_per_batch = tiles_per_batch
        self._somebody_reads = somebody_reads
        self._thread: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Encode nothing more on a thread of its own."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def encode(self, reply: RunningReply) -> Generator[Unit | None, Any, None]:
        """Give a reply the features that it has to read; yields after each micro-batch.

        While somebody reads another reply, a micro-batch is a `Unit`: its tokens would come a
        second apart. Otherwise one after the other takes less time in all.

        Each distinct tile is encoded once. One micro-batch of tiles exists at a time, and one
        image's tiles as bytes.

        Raises:
            OutOfMemoryBudget: memory ran out, and again with half as many tiles.
        """
        known = reply.known
        look = _Look(reply)
        features: list[Features] = []
        for image, key, read in zip(reply.layout.images, known.keys, known.read_rows, strict=True):
            if read == key.grid.image_tokens:
                look.saw(key.grid.tiles, kept=True)
                continue
            tiles = self._caches.features.image(key)
            if tiles is None:
                tiles = yield from self._encode_image(look, image, key)
            else:
                look.saw(len(tiles), kept=True)
            features += _without_rows(tiles, read)
        reply.features = features

    def _encode_image(
        self, look: _Look, image: LoadedImage, key: ImageKey
    ) -> Generator[Unit | None, Any, list[Features]]:
        """Features of an image, tile by tile."""
        cache = self._caches.features
        with look.reply.clock.stage("preprocess"):
            frames = cut_frames(image.pixels, key.grid, self._config.image)
            names = cache.keys(frames)
        look.known |= cache.find(names)
        places = {name: place for place, name in enumerate(names) if name not in look.known}
        look.saw(len(names) - len(places), kept=True)
        missing = list(places)
        while missing:
            batch = missing[: self._size(look)]
            encode = partial(self._encode_tiles, look, frames[[places[name] for name in batch]])
            if self._backend.encodes_beside and self._somebody_reads():
                yield (unit := Unit(self._submit(encode)))
                encoded = unit.done.result()
            else:
                encoded = encode()
            if encoded is None:
                self._make_room(look)
                continue
            del missing[: len(batch)]
            # Copies, so that a kept tile does not hold those beside it.
            made = {name: encoded[[n]] for n, name in enumerate(batch)}
            look.known |= made
            cache.keep(made)
            look.saw(len(batch), kept=False)
            yield
        tiles = [look.known[name] for name in names]
        self._check_rows(tiles, key)
        cache.name(key, names)
        return tiles

    def _size(self, look: _Look) -> int:
        """Tiles of a micro-batch."""
        return max(1, self._tiles_per_batch // (2 if look.is_halved else 1))

    def _encode_tiles(self, look: _Look, frames: Frames) -> Features | None:
        """Features of a micro-batch; None if it has to be tried again with half as many."""
        reply = look.reply
        reply.check_cancelled()
        try:
            with stoppable_by(reply.check_cancelled):
                with reply.clock.stage("preprocess"):
                    tiles = normalise(frames, self._config.image)
                with reply.clock.stage("vision"):
                    return self._backend.encode(tiles)
        except (MemoryError, SmolVLMError) as error:
            if look.is_halved or self._tiles_per_batch == 1 or not ran_out(error):
                raise
            return None

    def _make_room(self, look: _Look) -> None:
        """Memory ran out: forget what is kept, and go on with half as many tiles."""
        look.halve()
        self._caches.clear()
        self._caches.give_looks_up()
        trim_heap()

    def _submit(self, encode: Callable[[], Features | None]) -> Future[Features | None]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "smolvlm-vision")
        return self._thread.submit(encode)

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

"""What several questions about the same images share, so that they are looked at once.

The caches would do most of it, but may be off, too small, or emptied by what runs in between. A
look belongs to its questions; it is given up early only where memory would not do otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import KVBlock
from ..images import LoadedImage
from .prefix import shared_length

_Opened: TypeAlias = tuple[LoadedImage, Callable[[], LoadedImage]]


class Look:
    """One look at some images, for a number of questions.

    Used on the worker's thread only, except for `close`.

    Attributes:
        max_side: most tiles along the longest edge under "auto", as the questions so far were
            admitted; see `RequestLayout`.
        loading: the images on their way, if they are loaded beside the worker's thread.
    """

    def __init__(self, questions: int) -> None:
        self.max_side: int | None = None
        self.loading: Future[Sequence[Callable[[], LoadedImage]]] | None = None
        self._waiting = questions
        self._given_up = self._closed = False
        self._opened: tuple[_Opened, ...] | None = None
        self._read: tuple[NDArray[np.int64], Sequence[KVBlock]] | None = None

    @property
    def images(self) -> tuple[LoadedImage, ...] | None:
        """The images, once a question has opened them."""
        opened = self._opened
        return None if opened is None else tuple(image for image, _ in opened)

    def open(self, decoders: Sequence[Callable[[], LoadedImage]]) -> tuple[LoadedImage, ...]:
        """Decode the images for all questions; the decoders do that again if need be."""
        opened = tuple((decode(), decode) for decode in decoders)
        if not self._closed:
            self._opened, self.loading = opened, None
        return tuple(image for image, _ in opened)

    def let_pixels_go(self) -> None:
        """The images are encoded, and their pixels probably not needed any more."""
        for image, decode in self._opened or ():
            image.let_go(lambda decode=decode: decode().pixels)

    @property
    def nbytes(self) -> int:
        """Of keys and values, whether a cache holds the same arrays or not."""
        return sum(block.nbytes for block in self._read[1]) if self._read else 0

    @property
    def will_keep(self) -> bool:
        """Whether the next prompt that is read will be kept."""
        return self._read is None and self._waiting > 1 and not self._given_up

    def keep(self, identity: NDArray[np.int64], read: Callable[[], Sequence[KVBlock]]) -> None:
        """Keep a prompt that was read, if it is wanted; `read` gets its keys and values."""
        if self.will_keep:
            self._read = identity, read()

    def match(self, identity: NDArray[np.int64]) -> list[KVBlock]:
        """Keys and values of the beginning that a prompt has in common with the kept one."""
        if self._read is None:
            return []
        kept, blocks = self._read
        left, matched = shared_length(kept, identity), list[KVBlock]()
        for block in blocks:
            if left:
                matched.append(block[:, :, :left])
                left -= matched[-1].shape[2]
        return matched

    def leave(self) -> None:
        """A question has read its prompt, or will not; the last one frees everything."""
        self._waiting -= 1
        if not self._waiting or self._closed:
            self.close()

    def give_up(self) -> None:
        """Free the keys and values and keep no others: every question reads its whole prompt."""
        self._given_up, self._read = True, None

    def close(self) -> None:
        """No question comes any more. May be called on any thread, while others still run."""
        self._closed = True
        self.give_up()
        self._opened = self.loading = None

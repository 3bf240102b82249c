"""Remembers what decoding told about an image, so that the same bytes need not be decoded again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from .loaded import ImageFacts
from .policy import ImagePolicy


class KnownImages:
    """Facts of the images that were decoded last, by digest and policy; safe between threads.

    An image gets in only once it has been decoded whole under that very policy, so what is known
    needs no second check.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._facts: OrderedDict[tuple[str, ImagePolicy], ImageFacts] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, sha256: str, policy: ImagePolicy) -> ImageFacts | None:
        with self._lock:
            facts = self._facts.get((sha256, policy))
            if facts is not None:
                self._facts.move_to_end((sha256, policy))
            return facts

    def put(self, sha256: str, policy: ImagePolicy, facts: ImageFacts) -> None:
        with self._lock:
            self._facts[sha256, policy] = facts
            self._facts.move_to_end((sha256, policy))
            while len(self._facts) > self._limit:
                self._facts.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._facts.clear()

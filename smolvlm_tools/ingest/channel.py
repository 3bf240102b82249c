"""A bounded queue between threads that ends by itself, and at once when the run stops."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
_GLANCE = 0.1
"""Seconds between two looks at whether the run has stopped."""


class Stopped(Exception):
    """The run was stopped; ends a thread that works for it."""


class Channel(Generic[T]):
    """Items from several producers to several consumers.

    Args:
        size: the most items that wait in it: a producer waits while it is full.
        producers: how many of them there are; each says `done` once.
        stop: set when the run is to end; `put` and the iteration then raise `Stopped`.
    """

    def __init__(self, size: int, producers: int, stop: threading.Event) -> None:
        self._items: queue.Queue[T] = queue.Queue(size)
        self._producers, self._stop = producers, stop
        self._lock = threading.Lock()

    def put(self, item: T) -> None:
        """Hand on; raises `Stopped` once the run has stopped, also if there was room."""
        while True:
            try:
                self._items.put(item, timeout=_GLANCE)
                break
            except queue.Full:
                if self._stop.is_set():
                    break
        if self._stop.is_set():
            raise Stopped

    def rest(self) -> Iterator[T]:
        """What is left in it after a stop."""
        with suppress(queue.Empty):
            while True:
                yield self._items.get_nowait()

    def done(self) -> None:
        """One producer has nothing more."""
        with self._lock:
            self._producers -= 1

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            ended = self._producers == 0  # first: what was put before is then in the queue
            try:
                yield self._items.get(timeout=0 if ended else _GLANCE)
            except queue.Empty:
                if ended:
                    return
        raise Stopped

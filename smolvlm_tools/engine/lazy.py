"""An engine that is loaded when it is first needed, once, however many callers wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ..errors import Closed

if TYPE_CHECKING:
    from .smolvlm import SmolVLM


class LazyEngine:
    """Loads on a thread of its own, so that neither a loop nor a cancelled caller stops it.

    If loading fails, everybody who waits gets the error, and the next caller tries again.
    """

    def __init__(self, load: Callable[[], SmolVLM]) -> None:
        self._load = load
        self._future: Future[SmolVLM] | None = None
        self._closed = False
        self._lock = threading.Lock()

    @classmethod
    def ready(cls, engine: SmolVLM) -> LazyEngine:
        made = cls(lambda: engine)
        made._future = Future()
        made._future.set_result(engine)
        return made

    @property
    def loaded(self) -> SmolVLM | None:
        """The engine if it is there already."""
        with self._lock:
            future = self._future
        if future is None or not future.done() or future.exception() is not None:
            return None
        return future.result()

    def get(self) -> SmolVLM:
        """Wait for the engine; raises what loading it raises, and `Closed` after `close`."""
        return self._started().result()

    async def aget(self) -> SmolVLM:
        """`get` for an event loop; cancelling the task leaves the others their engine."""
        return await asyncio.wrap_future(self._started())

    def close(self) -> None:
        """Close the engine, or whatever is still being loaded once it is there."""
        with self._lock:
            self._closed = True
            future, self._future = self._future, None
        if future is not None:
            future.add_done_callback(_close)

    def _started(self) -> Future[SmolVLM]:
        with self._lock:
            if self._closed:
                raise Closed("the engine is closed", "Make a new one.")
            if self._future is None:
                self._future = Future()
                self._future.set_running_or_notify_cancel()  # from now on nobody can cancel it
                threading.Thread(
                    target=self._run, args=(self._future,), name="smolvlm-load", daemon=True
                ).start()
            return self._future

    def _run(self, future: Future[SmolVLM]) -> None:
        try:
            engine = self._load()
        except BaseException as error:  # whatever it is, the callers wait for it
            with self._lock:
                if self._future is future:
                    self._future = None
            future.set_exception(error)
        else:
            future.set_result(engine)


def _close(future: Future[SmolVLM]) -> None:
    if future.exception() is None:
        future.result().close()

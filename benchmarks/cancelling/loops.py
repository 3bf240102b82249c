"""Requests of an event loop's tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from benchmarks.cancelling.asking import LONG, SHORT, TOOL, Asked, Surface, long_call, messages
from smolvlm_tools import SmolVLM
from smolvlm_tools.tools import Toolbox


class LoopSurface(Surface):
    """Tasks that are cancelled, streams that are closed, on a loop in a thread of its own."""

    def __init__(self, vlm: SmolVLM, toolbox: Toolbox) -> None:
        self._vlm = vlm
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop")
        self._thread.start()
        self.ways = {
            "task": partial(self._task, lambda image: vlm.agenerate(messages(image), **LONG)),
            "transcribe, task": partial(self._task, lambda image: vlm.atranscribe(image, **LONG)),
            "tool, task": partial(self._task, lambda image: toolbox.acall(TOOL, long_call(image))),
            "close": self._closing,
        }

    def good(self, image: str) -> str:
        asked = self._vlm.adescribe(image, **SHORT)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result().text

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _task(self, ask: Callable[[str], Coroutine[Any, Any, Any]], image: str) -> Asked:
        future = asyncio.run_coroutine_threadsafe(ask(image), self._loop)
        return Asked(future.cancel, future.done)

    def _closing(self, image: str) -> Asked:
        async def read() -> None:
            stream = self._vlm.astream(messages(image), **LONG)
            opened.append(stream.close)
            async for _ in stream:
                pass

        opened: list[Callable[[], None]] = []
        future = asyncio.run_coroutine_threadsafe(read(), self._loop)
        return Asked(lambda: self._loop.call_soon_threadsafe(opened[0]), future.done)

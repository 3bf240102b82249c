"""Requests of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.cancelling.asking import LONG, SHORT, TOOL, Asked, Surface, long_call, messages
from smolvlm_tools import SmolVLM
from smolvlm_tools.tools import Toolbox


class PythonSurface(Surface):
    """Streams that are closed or dropped; events that are set while a thread waits."""

    def __init__(self, vlm: SmolVLM, toolbox: Toolbox) -> None:
        self._vlm, self._toolbox = vlm, toolbox
        self._threads = ThreadPoolExecutor(2, "asking")
        self.ways = {
            "event": self._by_event,
            "close": self._by_close,
            "drop": self._by_drop,
            "transcribe, event": self._transcribing,
            "tool, event": self._by_tool,
        }

    def good(self, image: str) -> str:
        return self._vlm.describe(image, **SHORT).text

    def close(self) -> None:
        self._threads.shutdown()

    def _by_event(self, image: str) -> Asked:
        cancel = threading.Event()
        stream = self._vlm.stream(messages(image), cancel=cancel, **LONG)
        return self._waiting(cancel, stream.result)

    def _by_close(self, image: str) -> Asked:
        return Asked(self._vlm.stream(messages(image), **LONG).close)

    def _by_drop(self, image: str) -> Asked:
        return Asked([self._vlm.stream(messages(image), **LONG)].clear)

    def _transcribing(self, image: str) -> Asked:
        cancel = threading.Event()
        return self._waiting(cancel, lambda: self._vlm.transcribe(image, cancel=cancel, **LONG))

    def _by_tool(self, image: str) -> Asked:
        cancel = threading.Event()
        return self._waiting(
            cancel, lambda: self._toolbox.call(TOOL, long_call(image), cancel=cancel)
        )

    def _waiting(self, cancel: threading.Event, wait: Callable[[], Any]) -> Asked:
        return Asked(cancel.set, self._threads.submit(wait).done)

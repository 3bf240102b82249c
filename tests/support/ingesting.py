"""Ingestion in this process, with an engine that counts what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.ingest import Reading, Wish

SMALL = Reading(longest_edge=128, workers=1)
CAPTIONS = Wish(tasks=("caption",), options={"max_new_tokens": 8})


class CountingEngine(SmolVLM):
    """Says " a red circle" about everything.

    Attributes:
        asked: where each image came from, and the names of the questions about it.
        before: called with the image before each look.
    """

    asked: list[tuple[str, tuple[str, ...]]]
    before: Callable[[Any], None]

    @classmethod
    def make(cls, text: str = " a red circle") -> CountingEngine:
        checkpoint = open_checkpoint("embedded")
        engine = cls(checkpoint, FakeBackend.saying(checkpoint, text))
        engine.asked, engine.before = [], lambda image: None
        return engine

    def ask_many(self, image: Any, questions: Any, **options: Any) -> Any:
        self.asked.append((str(image.ref), tuple(questions)))
        self.before(image)
        return super().ask_many(image, questions, **options)


def working_threads() -> set[str]:
    """Threads of runs and of the processes that read for them."""
    return {
        thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
    }

"""A scripted backend that works only as far as a test lets it, and the scenario of cancelling."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.fake import FakeBackend
from tests.support.paths import SHAPES

PATIENCE = 60
"""Seconds after which a test that waits has failed."""


class GatedBackend(FakeBackend):
    """Counts its work, and waits at a gate before every forward. The gate is shut at first.

    Attributes:
        entered: a permit for every forward that has come to the gate.
        gate: a permit for every forward that may go through.
        forwards: those that went through, one for each sequence of a step.
        prefills: those of them that were the first of their sequence.
    """

    def __init__(self, config: Any, script: Sequence[int] = (5,)) -> None:
        super().__init__(config, script)
        self.entered, self.gate = threading.Semaphore(0), threading.Semaphore(0)
        self.forwards = self.prefills = 0

    @property
    def steps(self) -> int:
        """Decode steps that went through."""
        return self.forwards - self.prefills

    def forward(self, token_ids, cache, features=()):
        self.entered.release()
        self.gate.acquire()
        self.forwards += 1
        self.prefills += cache.prompt is None
        return super().forward(token_ids, cache, features)

    def open(self) -> None:
        self.gate.release(100_000)

    def shut(self) -> None:
        while self.gate.acquire(blocking=False):
            pass

    def wait_for(self, forwards: int = 1) -> None:
        """Return when so many more forwards have come to the gate."""
        for _ in range(forwards):
            assert self.entered.acquire(timeout=PATIENCE), "the backend was not asked"


def check_cancelling_frees_the_engine(
    backend: GatedBackend,
    vlm: SmolVLM,
    call: Callable[[], Coroutine[Any, Any, Any]],
    decoded: int = 0,
) -> None:
    """Cancel a call on an event loop while it is in a forward; the engine is free two later.

    Args:
        backend: of `vlm`, with its gate shut.
        decoded: forwards that are let through before.
    """

    async def leave() -> None:
        if decoded:
            backend.gate.release(decoded)
        task = asyncio.create_task(call())
        await asyncio.to_thread(backend.wait_for, decoded + 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    check_free_within_two_forwards(backend, vlm)


def check_free_within_two_forwards(backend: GatedBackend, vlm: SmolVLM) -> None:
    """Open the gate: another request is answered, and what was given up took two forwards."""
    before = backend.forwards
    backend.open()
    assert vlm.describe(SHAPES, max_new_tokens=3).usage.completion_tokens == 3
    assert backend.forwards - before <= 2 + 3

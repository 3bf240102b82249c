"""Many requests at once; their results in order, never more than the queue holds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ..errors import Busy, SmolVLMError
from ..types import VisionResult

_PATIENCE = 1.0
"""Most seconds between two attempts to get into the queue."""

Outcomes = list[VisionResult | SmolVLMError]


class Started(Protocol):
    """A reply on its way."""

    def result(self) -> VisionResult:
        """Wait for it."""
        ...

    def close(self) -> None:
        """Give it up."""
        ...


def answer_all(starts: Sequence[Callable[[], Started]], *, return_exceptions: bool) -> Outcomes:
    """Start every request as soon as the queue has room and collect the results in order.

    Raises:
        SmolVLMError: the first failure, unless they are to be returned; the others are stopped.
    """
    outcomes: Outcomes = []
    running: deque[Started] = deque()

    def collect() -> None:
        try:
            outcomes.append(running.popleft().result())
        except SmolVLMError as error:
            if not return_exceptions:
                raise
            outcomes.append(error)

    try:
        for start in starts:
            while True:
                try:
                    running.append(start())
                    break
                except Busy:
                    if not running:  # it is others who fill the queue
                        raise
                    collect()
        while running:
            collect()
    finally:
        for reply in running:
            reply.close()
    return outcomes


async def answer_all_async(
    starts: Sequence[Callable[[], Awaitable[VisionResult]]],
    *,
    at_once: int,
    return_exceptions: bool,
) -> Outcomes:
    """`answer_all` for an event loop, with `at_once` requests in the engine at most."""
    room = asyncio.Semaphore(at_once)
    running = 0

    async def answer(start: Callable[[], Awaitable[VisionResult]]) -> VisionResult | SmolVLMError:
        nonlocal running
        async with room:
            while True:
                running += 1
                try:
                    return await start()
                except SmolVLMError as error:
                    if isinstance(error, Busy) and running > 1:  # one of ours will make room
                        wait = min(error.retry_after, _PATIENCE)
                    elif return_exceptions:
                        return error
                    else:
                        raise
                finally:
                    running -= 1
                await asyncio.sleep(wait)

    tasks = [asyncio.ensure_future(answer(start)) for start in starts]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()

"""An event loop that waits for replies is woken for what its caller reads, and for no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smolvlm_tools import SmolVLM
from smolvlm_tools.constraints import choices
from tests.support.paths import SHAPES


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load(embedded) as engine:
        yield engine


def wakes(work: Callable[[], Awaitable[object]]) -> int:
    """How often other threads wake the loop until some work is done."""

    async def count() -> int:
        loop, woken = asyncio.get_running_loop(), 0
        wake = loop.call_soon_threadsafe

        def counted(*arguments, **options):
            nonlocal woken
            woken += 1
            return wake(*arguments, **options)

        loop.call_soon_threadsafe = counted
        await work()
        return woken

    return asyncio.run(count())


def test_a_whole_reply_wakes_the_loop_once(vlm):
    assert wakes(lambda: vlm.adescribe(SHAPES, max_new_tokens=8)) == 1


@pytest.mark.parametrize("answer", [bool, str, choices(["red", "blue"])])
def test_so_does_a_short_typed_answer(vlm, answer):
    assert wakes(lambda: vlm.aask(SHAPES, "Is there a circle?", answer=answer)) == 1


def test_a_stream_wakes_it_for_every_token(vlm):
    messages = [{"role": "user", "content": "What is that?"}]

    async def read() -> list[str]:
        return [chunk.text async for chunk in vlm.astream(messages, max_new_tokens=4)]

    assert wakes(read) >= 4

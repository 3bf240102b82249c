"""Sixty calls at once to a real engine whose queue holds far fewer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_smolvlm import ChatSmolVLM

from tests.support.langchain_scenes import ask

MANY = 60


@pytest.fixture(scope="module")
def small(embedded):
    """Eight requests fit in: four that are decoded, and four that wait."""
    chat = ChatSmolVLM(
        model=embedded, max_new_tokens=4, load_options={"max_queue": 4, "batch_size": 4}
    )
    yield chat
    chat.close()


async def gathered(chat):
    return await asyncio.gather(*(chat.ainvoke(ask()) for _ in range(MANY)))


async def streamed(chat):
    async def one():
        chunks = [chunk async for chunk in chat.astream(ask())]
        return sum(chunks[1:], chunks[0])

    return await asyncio.gather(*(one() for _ in range(MANY)))


def threads(chat):
    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(lambda _: chat.invoke(ask()), range(MANY)))


WAYS = {
    "batch": lambda chat: chat.batch([ask()] * MANY),
    "batch, all at once": lambda chat: chat.batch([ask()] * MANY, {"max_concurrency": MANY}),
    "abatch": lambda chat: asyncio.run(chat.abatch([ask()] * MANY)),
    "abatch, all at once": lambda chat: asyncio.run(
        chat.abatch([ask()] * MANY, {"max_concurrency": MANY})
    ),
    "gathered": lambda chat: asyncio.run(gathered(chat)),
    "streamed": lambda chat: asyncio.run(streamed(chat)),
    "threads": threads,
    "structured": lambda chat: [
        raw["raw"]
        for raw in chat.with_structured_output(
            {"type": "object", "title": "a"}, include_raw=True
        ).batch([ask()] * MANY, {"max_concurrency": MANY})
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_all_of_many_calls_are_answered(way, small):
    replies = WAYS[way](small)
    assert len(replies) == MANY
    if way != "structured":
        assert {reply.text for reply in replies} == {"red"}

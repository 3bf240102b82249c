"""What a client is told of how long a call will still take."""

from __future__ import annotations

import asyncio

import anyio
from smolvlm_mcp.progress import Reporter

from smolvlm_tools.tools import ToolProgress


def messages(*news: tuple[float, ToolProgress]) -> list[str]:
    """What a client that takes everything at once is told of progress at some seconds."""
    now, sent = 0.0, list[str]()

    async def send(progress: float, total: float, message: str) -> None:
        sent.append(message)

    async def run() -> None:
        nonlocal now
        reporter = Reporter(send, clock=lambda: now)
        for seconds, progress in news:
            now = seconds
            reporter.on_progress(progress)
            await reporter.flush()

    anyio.run(run)
    return sent


def test_the_time_left_is_told_once_a_rate_is_known():
    assert messages(
        (0.0, ToolProgress("load", 1, 1)),
        (0.1, ToolProgress("preprocess", 1, 1)),
        (0.5, ToolProgress("vision", 1, 17)),
        (1.0, ToolProgress("vision", 2, 17)),
        (1.5, ToolProgress("vision", 3, 17)),
        (8.5, ToolProgress("vision", 17, 17)),
        (9.0, ToolProgress("prefill", 1, 1)),
        (9.0, ToolProgress("decode", 1, 256)),
        (11.0, ToolProgress("decode", 41, 256)),
    ) == [
        "loading the model",
        "preparing images",
        "looking: 1 of 17 tiles",
        "looking: 2 of 17 tiles",
        "looking: 3 of 17 tiles, about 7 s left",
        "looking: 17 of 17 tiles",
        "reading the prompt",
        "writing: 1 tokens of at most 256",
        "writing: 41 tokens of at most 256, at most 11 s left",
    ]


def test_each_page_has_its_own():
    told = messages(
        (0.0, ToolProgress("vision", 1, 13, 1, 2)),
        (1.0, ToolProgress("vision", 1, 13, 2, 2)),
        (2.0, ToolProgress("vision", 3, 13, 1, 2)),
        (3.0, ToolProgress("vision", 5, 13, 2, 2)),
    )
    assert told[2:] == [
        "page 1 of 2: looking: 3 of 13 tiles, about 10 s left",
        "page 2 of 2: looking: 5 of 13 tiles, about 4 s left",
    ]


def test_many_tokens_wake_the_loop_once_and_the_newest_is_told(monkeypatch):
    sent, woken = list[str](), list[object]()

    async def send(progress: float, total: float, message: str) -> None:
        sent.append(message)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_soon_threadsafe", woken.append)
        reporter = Reporter(send)
        for done in range(1, 101):
            reporter.on_progress(ToolProgress("decode", done, 100))
        await reporter.flush()
        reporter.on_progress(ToolProgress("decode", 100, 100))

    asyncio.run(run())
    assert sent == ["writing: 100 tokens of at most 100"]
    assert len(woken) == 2, "once more after it was told"

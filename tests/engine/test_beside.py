"""Images that take long are loaded beside the engine's thread, and end when nobody wants them."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from smolvlm_tools import Ask, Busy, Cancelled, Closed, ImagePolicy, SmolVLM
from smolvlm_tools.engine import page_by_page
from smolvlm_tools.engine.loader import MOST_LOADING
from tests.support.documents import pdf_only
from tests.support.hostile_documents import slow_page
from tests.support.paths import SHAPES
from tests.support.workers import patient_pool, wait_until

pytestmark = pdf_only
SLOW = slow_page()
SOON = 60
"""Seconds: a child that is not ended would take 300."""


def asking(image):
    words = {"type": "text", "text": "What is it?"}
    return [{"role": "user", "content": [{"type": "image", "image": image}, words]}]


@pytest.fixture(scope="module")
def agents():
    """The embedded model for what strangers send."""
    with SmolVLM.load("embedded", policy=ImagePolicy.agent([SHAPES.parent])) as vlm:
        yield vlm


@pytest.fixture(autouse=True)
def shared(monkeypatch):
    with patient_pool(monkeypatch) as pool:
        yield pool


def test_eight_slow_documents_hold_up_nobody(agents, shared):
    alone = agents.describe(SHAPES, max_new_tokens=4)
    slow = [agents.stream(asking(SLOW), max_new_tokens=4) for _ in range(8)]
    wait_until(lambda: len(shared.pids) >= 8)
    beside = agents.describe(SHAPES, max_new_tokens=4)
    assert not any(stream.channel.closed.is_set() for stream in slow)
    assert beside.text == alone.text
    for stream in slow:
        stream.close()
    wait_until(lambda: len(shared._free) == len(shared._workers))


def test_more_slow_documents_than_are_loaded_wait_their_turn(agents, shared):
    slow = [agents.stream(asking(SLOW)) for _ in range(MOST_LOADING)]
    wait_until(lambda: len(shared.pids) >= 8)
    good = agents.stream(asking(str(SHAPES)), max_new_tokens=1)
    for stream in slow:
        stream.close()
    assert good.result().usage.completion_tokens == 1


def test_a_queue_that_is_full_of_slow_documents_is_busy():
    policy = ImagePolicy.agent(())
    with SmolVLM.load("embedded", policy=policy, max_queue=1, batch_size=1) as vlm:
        slow = []
        with pytest.raises(Busy):
            for _ in range(8):
                slow.append(vlm.stream(asking(SLOW)))
                time.sleep(0.05)
        assert len(slow) == 2, "one that would decode, and one that waits"
        began = time.monotonic()
    assert time.monotonic() - began < SOON, "closing waits for no document"
    for stream in slow:
        with pytest.raises(Closed):
            stream.result()


@pytest.mark.parametrize("how", ["event", "stream", "task"])
def test_a_request_that_is_given_up_ends_its_child(agents, shared, how):
    cancel = threading.Event()
    busy = lambda: len(shared._free) < len(shared._workers)  # noqa: E731
    began = time.monotonic()
    if how == "task":

        async def give_up() -> None:
            task = asyncio.create_task(agents.atranscribe([SLOW]))
            while not busy():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(give_up())
    else:
        stream = agents.stream(asking(SLOW), cancel=cancel)
        wait_until(busy)
        if how == "event":
            cancel.set()
            with pytest.raises(Cancelled):
                stream.result()
        else:
            stream.close()
    wait_until(lambda: not busy())
    assert time.monotonic() - began < SOON
    assert agents.describe(SHAPES, max_new_tokens=1).text


def test_a_loop_goes_on_while_the_only_page_of_a_document_is_read(agents, shared, monkeypatch):
    reading, read = threading.Event(), page_by_page._page

    def page(*given):
        reading.set()
        return read(*given)

    async def give_up() -> None:
        task = asyncio.create_task(agents.atranscribe(SLOW))
        await asyncio.to_thread(reading.wait)
        while not (len(shared._free) < len(shared._workers) or task.done()):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(page_by_page, "_page", page)
    asyncio.run(give_up())
    wait_until(lambda: len(shared._free) == len(shared._workers))


def test_questions_about_one_image_wait_for_one_child(agents):
    questions = {str(number): Ask(f"What is {number}?") for number in range(3)}
    together = agents.ask_many(SHAPES, questions, max_new_tokens=4)
    apart = [agents.ask(SHAPES, ask.question, max_new_tokens=4) for ask in questions.values()]
    assert [each.text for each in together.values()] == [each.text for each in apart]


def test_replies_are_those_of_images_that_are_decoded_here(agents):
    with SmolVLM.load("embedded") as vlm:
        here = vlm.ask(SHAPES, "What color is the circle?")
    there = agents.ask(SHAPES, "What color is the circle?")
    assert (there.text, there.confidence) == (here.text, here.confidence)
    assert there.image_sha256 == here.image_sha256

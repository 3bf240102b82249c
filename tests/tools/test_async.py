"""`Toolbox.acall`: many callers on one loop, and what happens to those who leave."""

from __future__ import annotations

import asyncio
import threading

import pytest

from smolvlm_tools import (
    BadArguments,
    Busy,
    Cancelled,
    ImagePolicy,
    ModelNotFound,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.sandbox import Pool
from smolvlm_tools.tools import TOOLS, Toolbox
from tests.support.documents import pdf_only
from tests.support.gated import GatedBackend, check_cancelling_frees_the_engine
from tests.support.hostile_documents import slow_page
from tests.support.paths import SHAPES as SHAPES_FILE
from tests.support.tool_calls import CALLS, SHAPES
from tests.support.workers import patient_pool

DESCRIBE = {"image": SHAPES}


@pytest.fixture
def checkpoint(embedded):
    return open_checkpoint("embedded")


@pytest.fixture
def gated(checkpoint):
    """A gated backend and an engine that runs it with room for one call and one that waits."""
    backend = GatedBackend(checkpoint.config)
    vlm = SmolVLM(checkpoint, backend, batch_size=1, max_queue=1)
    yield backend, vlm
    backend.open()
    vlm.close()


def test_every_tool_returns_the_same_to_a_loop(embedded):
    async def both(toolbox):
        for name, arguments in CALLS.items():
            there = await toolbox.acall(name, arguments)
            here = await asyncio.to_thread(toolbox.call, name, arguments)
            assert type(there) is TOOLS[name].output
            different = dict.fromkeys(("usage", "predicted_bytes", "seconds", "basis"), True)
            # Equal but for the last bits.
            different |= dict.fromkeys(("confidence", "field_confidence"), True)
            if name == "answer_questions":
                different["answers"] = {each: {"confidence"} for each in there.answers}
            assert there.model_dump(exclude=different) == here.model_dump(exclude=different)

    with Toolbox.load("embedded", backend="onnx", precision="fp32") as toolbox:
        asyncio.run(both(toolbox))


def test_errors_reach_a_loop_as_they_reach_a_thread(checkpoint, tmp_path):
    async def ask():
        with pytest.raises(BadArguments):
            await Toolbox.load("embedded").acall("describe_image", {})
        with pytest.raises(ModelNotFound) as caught:
            await Toolbox.load(tmp_path / "nothing").acall("describe_image", DESCRIBE)
        assert str(tmp_path) not in str(caught.value)

    asyncio.run(ask())


def test_cancelling_a_call_frees_the_engine_within_two_steps(gated):
    backend, vlm = gated
    toolbox = Toolbox(vlm)
    check_cancelling_frees_the_engine(
        backend, vlm, lambda: toolbox.acall("describe_image", DESCRIBE)
    )


def test_an_event_ends_a_call_of_a_loop(gated):
    backend, vlm = gated

    async def leave():
        cancel = threading.Event()
        call = Toolbox(vlm).acall("describe_image", DESCRIBE, cancel=cancel)
        task = asyncio.create_task(call)
        await asyncio.to_thread(backend.wait_for)
        cancel.set()
        backend.gate.release(2)
        with pytest.raises(Cancelled):
            await task

    asyncio.run(leave())


def test_who_finds_the_queue_full_is_told_to_come_back(gated):
    backend, vlm = gated

    async def crowd():
        toolbox = Toolbox(vlm)
        first = asyncio.create_task(toolbox.acall("describe_image", DESCRIBE))
        await asyncio.to_thread(backend.wait_for)
        waiting = [asyncio.create_task(toolbox.acall("describe_image", DESCRIBE)) for _ in range(4)]
        done: set[asyncio.Task] = set()
        while len(done) < 3:  # one finds room
            more, _ = await asyncio.wait({*waiting} - done, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert all(isinstance(task.exception(), Busy) for task in done)
        assert all(task.exception().retry_after > 0 for task in done)
        backend.open()
        outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert sum(isinstance(outcome, Busy) for outcome in outcomes) == 3

    asyncio.run(crowd())


def test_loading_blocks_neither_the_loop_nor_other_callers(checkpoint):
    go, loads = threading.Event(), []

    def load():
        loads.append(1)
        assert go.wait(20)
        return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a shape"))

    async def arrive():
        calls = [asyncio.create_task(toolbox.acall("describe_image", DESCRIBE)) for _ in range(12)]
        loaded = await toolbox.acall("load_image", DESCRIBE)  # while the others wait
        calls[0].cancel()
        go.set()
        first, *rest = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        return loaded, rest

    with Toolbox.load("embedded") as toolbox:
        toolbox._engine._load = load
        loaded, rest = asyncio.run(arrive())
    assert loaded.tiles == 5 and len(loads) == 1
    assert {reply.text for reply in rest} == {"a shape"}


def test_progress_comes_to_a_loop_in_order(checkpoint):
    told = []
    with Toolbox(
        lambda: SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a shape"))
    ) as toolbox:
        asyncio.run(toolbox.acall("describe_image", DESCRIBE, on_progress=told.append))
    stages = list(dict.fromkeys(event.stage for event in told))
    assert stages == ["load", "preprocess", "vision", "prefill", "decode"]
    for stage in stages:
        done = [event.done for event in told if event.stage == stage]
        assert done == sorted(done)


@pdf_only
def test_eight_slow_documents_leave_a_good_call_its_time_and_end_when_given_up(
    tmp_path, monkeypatch
):
    (tmp_path / "slow.pdf").write_bytes(slow_page())
    (tmp_path / "shapes.png").write_bytes(SHAPES_FILE.read_bytes())
    policy = ImagePolicy.agent([tmp_path])

    async def run(pool: Pool) -> None:
        with Toolbox.load("embedded", policy=policy) as toolbox:
            good = {"image": str(tmp_path / "shapes.png"), "max_new_tokens": 4}
            alone = await toolbox.acall("describe_image", good)
            slow = {"image": str(tmp_path / "slow.pdf")}
            calls = [asyncio.create_task(toolbox.acall("transcribe_image", slow)) for _ in range(8)]
            while len(pool._beside) < 8:
                await asyncio.sleep(0.01)
            beside = await toolbox.acall("describe_image", good)
            assert beside.text == alone.text
            assert not any(call.done() for call in calls)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            while pool._beside:
                await asyncio.sleep(0.01)

    with patient_pool(monkeypatch) as pool:
        asyncio.run(asyncio.wait_for(run(pool), 120))


def test_a_call_about_a_handle_needs_no_thread(embedded, monkeypatch):
    async def call(toolbox):
        loaded = await toolbox.acall("load_image", {"image": SHAPES})
        monkeypatch.setattr("smolvlm_tools.tools.toolbox.in_thread", None)
        asked = {"image": loaded.handle, "question": "Is there a circle?", "answer_type": "yes_no"}
        return await toolbox.acall("answer_question", asked)

    with Toolbox.load(embedded) as toolbox:
        assert asyncio.run(call(toolbox)).value is True

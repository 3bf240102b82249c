"""The first call loads the model, once, and closing ends it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from smolvlm_tools import (
    Cancelled,
    Closed,
    ModelNotFound,
    SmolVLM,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.tools import Toolbox
from tests.support.tool_calls import SHAPES


def saying(checkpoint, text, **options):
    return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, text), **options)


def test_loading_and_planning_need_no_weights(embedded, monkeypatch):
    monkeypatch.setattr(SmolVLM, "load", lambda *a, **k: pytest.fail("the weights were loaded"))
    with Toolbox.load("embedded") as toolbox:
        loaded = toolbox.call("load_image", {"image": SHAPES})
        plan = toolbox.call("plan_image", {"image": loaded.handle})
    assert (loaded.tiles, loaded.tokens) == (5, plan.images[0].tokens)
    assert plan.predicted_bytes > 10_000_000 and toolbox.loaded is None
    assert "seconds" not in plan.model_dump() and "Unknown until" in plan.basis


def test_a_plan_says_the_same_before_and_after_loading(vlm, toolbox):
    with Toolbox.load("embedded", backend="onnx", precision="fp32") as unloaded:
        for task in ("describe", "ask", "transcribe"):
            arguments = {"image": SHAPES, "task": task}
            before = unloaded.call("plan_image", arguments).model_dump()
            after = toolbox.call("plan_image", arguments).model_dump()
            del before["predicted_bytes"], after["predicted_bytes"]
            assert before == after


def test_the_first_call_loads_the_model_and_tells_so(embedded, checkpoint):
    told = []
    toolbox = Toolbox(lambda: saying(checkpoint, " a shape"))
    assert toolbox.loaded is None
    toolbox.call("describe_image", {"image": SHAPES}, on_progress=told.append)
    stages = [(event.stage, event.done, event.total) for event in told]
    assert stages[:2] == [("load", 0, 1), ("load", 1, 1)]
    assert {"vision", "decode"} <= {stage for stage, _, _ in stages}
    told.clear()
    toolbox.call("describe_image", {"image": SHAPES}, on_progress=told.append)
    assert told and "load" not in {event.stage for event in told}
    toolbox.close()


def test_first_calls_from_many_threads_load_once(checkpoint):
    loads = []
    started, go = threading.Event(), threading.Event()

    def load():
        loads.append(1)
        started.set()
        assert go.wait(20)
        return saying(checkpoint, " a shape")

    with Toolbox(load) as toolbox, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(toolbox.call, "describe_image", {"image": SHAPES}) for _ in range(4)]
        assert started.wait(20)
        go.set()
        assert {call.result().text for call in calls} == {"a shape"}
    assert len(loads) == 1


def test_a_failed_load_is_told_and_tried_again(checkpoint):
    tries = []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise ModelNotFound("no model in '/secret/models'", "Get one.")
        return saying(checkpoint, " a shape")

    with Toolbox(load) as toolbox:
        with pytest.raises(ModelNotFound) as caught:
            toolbox.call("describe_image", {"image": SHAPES})
        assert "secret" not in str(caught.value) and caught.value.code == "model_not_found"
        assert "secret" in str(caught.value.__cause__)
        assert toolbox.call("describe_image", {"image": SHAPES}).text == "a shape"


def test_closing_ends_an_engine_that_the_toolbox_loaded_and_no_other(checkpoint):
    toolbox = Toolbox(lambda: saying(checkpoint, " a shape"))
    toolbox.call("describe_image", {"image": SHAPES})
    engine = toolbox.loaded
    toolbox.close()
    with pytest.raises(Closed):
        toolbox.call("describe_image", {"image": SHAPES})
    with pytest.raises(Closed):
        engine.describe(SHAPES)
    mine = saying(checkpoint, " a shape")
    with Toolbox(mine):
        pass
    assert mine.describe(SHAPES).text == "a shape"
    mine.close()


def test_a_set_event_cancels_a_call(toolbox):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        toolbox.call("describe_image", {"image": SHAPES}, cancel=cancel)

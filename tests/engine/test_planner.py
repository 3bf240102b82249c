"""One planner: the same answer from every surface, before and after loading."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from smolvlm_tools import BadOptions, GenerationOptions, OutOfMemoryBudget, SmolVLM, plan_model
from smolvlm_tools.engine import planner as planning
from smolvlm_tools.engine.planner import Planner
from smolvlm_tools.prompt.request import Request
from smolvlm_tools.prompt.tasks import task_messages
from smolvlm_tools.tools import Toolbox
from tests.support.paths import ROOT

SHAPES = str(ROOT / "examples" / "images" / "shapes.png")
LEARNT = {"seconds", "basis"}
"""What plan_image tells of earlier calls."""


def plan_image(toolbox: Toolbox) -> dict[str, object]:
    return toolbox.call("plan_image", {"image": SHAPES}).model_dump(exclude=LEARNT)


@pytest.mark.parametrize("options", [{}, {"memory_budget": "20GB"}, {"resolution": 1}])
def test_plan_image_says_the_same_before_and_after_loading(embedded, options):
    with Toolbox.load(embedded, backend="onnx", **options) as toolbox:
        before = plan_image(toolbox)
        assert toolbox.loaded is None
        toolbox.call("describe_image", {"image": SHAPES, "max_new_tokens": 3})
        assert toolbox.loaded is not None
        assert plan_image(toolbox) == before
        assert toolbox.loaded.plan(SHAPES).predicted_bytes == before["predicted_bytes"]


def test_a_loaded_model_has_the_plan_that_plan_model_gives(embedded):
    planned = plan_model(embedded, memory_budget="20GB")
    with SmolVLM.load(embedded, memory_budget="20GB") as vlm:
        assert vlm.load_plan is not None
        chosen = {"precision", "tiles_per_batch", "max_side", "batch", "vision_cache_bytes"}
        assert vlm.load_plan.model_dump(include=chosen) == planned.model_dump(include=chosen)


def test_an_adapter_is_part_of_the_id_in_every_plan(embedded, monkeypatch):
    found = SimpleNamespace(id="my-lora")
    monkeypatch.setattr(planning, "find_adapter", lambda *_, **__: found)
    planner = Planner.open(embedded, adapter="somewhere")
    assert planner.load_plan.model == "smolvlm-embedded+my-lora"
    assert planner.load_plan.backend == "torch"
    assert planner.layouter.checkpoint.id == "smolvlm-embedded+my-lora"


def test_a_process_that_has_grown_since_is_planned_anew(embedded, monkeypatch):
    planner = Planner.open(embedded, memory_budget="20GB")
    assert planner.up_to_date() is planner
    grown = planner.process.resident + 100_000_000
    monkeypatch.setattr(planning, "resident", lambda: SimpleNamespace(now=lambda: grown))
    anew = planner.up_to_date()
    assert anew.process.resident == grown
    assert anew.load_plan.predicted_bytes > planner.load_plan.predicted_bytes + 90_000_000


def test_a_request_that_does_not_fit_the_budget_is_refused_by_the_plan(embedded):
    needed = plan_model(embedded).predicted_bytes
    planner = Planner.open(embedded, memory_budget=needed + 40_000_000, precision="int8")
    messages = task_messages(Image.new("RGB", (4000, 4000), "red"), "describe")
    with pytest.raises(OutOfMemoryBudget):
        planner.plan(Request(messages, GenerationOptions(), 10, "describe"))


def test_an_unknown_option_is_named(embedded):
    with pytest.raises(BadOptions, match="unknown option 'bakend'"):
        plan_model(embedded, bakend="onnx")  # pyright: ignore[reportCallIssue]


def test_planning_reads_no_weights(tmp_path, tiny_a):
    folder = tmp_path / "no-weights"
    folder.mkdir()
    for path in Path(tiny_a).iterdir():
        if path.suffix == ".json":
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert Planner.open(folder, backend="torch").load_plan.backend == "torch"

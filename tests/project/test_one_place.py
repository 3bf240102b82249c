"""A new backend, task or … takes one line in one registry: each test adds a toy one."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from PIL import Image

from smolvlm_tools import BadOptions, SmolVLM, plan_model
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.no_footprint import NoFootprint
from smolvlm_tools.backends.registry import SPECS
from smolvlm_tools.backends.spec import BackendSpec
from smolvlm_tools.cli.run import run
from smolvlm_tools.prompt.tasks import TASKS, TaskSpec, ask_messages


class ToySpec(BackendSpec):
    """A backend that holds 7 MB and always says the same."""

    name = "toy"
    packages = ("json",)
    install = "toy"
    precisions = ("toy4", "int8")

    def check_precision(self, precision):
        raise BadOptions("toys have no components", "Use one name.")

    def can_run(self, checkpoint, precision, device):
        return True

    def setups(self, checkpoint, precision, device):
        yield Setup(checkpoint.config, self.name, device, {"all": "toy4"})

    def describe(self, precision: Mapping[str, str]) -> str:
        return precision["all"]

    def footprint(self, setup):
        footprint = NoFootprint()
        footprint.weights = {"toy": 7_000_000}
        return footprint

    def loader(self):
        def load(checkpoint, precision, device, threads):
            backend = FakeBackend.saying(checkpoint, " a toy")
            backend.name, backend.precision = "toy", precision
            return backend

        return load


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(SPECS, "toy", ToySpec())


def test_a_backend_is_a_spec_and_a_line(toy, embedded):
    with SmolVLM.load(embedded, backend="toy", precision="toy4") as vlm:
        result = vlm.describe(Image.new("RGB", (64, 64), "red"))
    assert (result.text, result.backend, result.precision) == ("a toy", "toy", "toy4")
    plan = plan_model(embedded, backend="toy")
    assert plan.parts["toy weights"] == 7_000_000 and plan.precision_name == "toy4"
    assert vlm.load_plan is not None and vlm.load_plan.parts["toy weights"] == 7_000_000


def test_a_backend_is_known_to_the_command(toy, embedded, capsys):
    assert run(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["backends"]
    assert {"backend": "toy", "works": True} in [
        {key: check[key] for key in ("backend", "works")} for check in checks
    ]
    assert run(["describe", "x.png", "--model", embedded, "--backend", "tyo"]) == 2
    assert "auto, onnx, openvino, torch, toy" in capsys.readouterr().err


def test_a_task_is_a_line(monkeypatch, embedded):
    count = TaskSpec(lambda images, _: ask_messages(images, "How many things?"), min_side=2)
    monkeypatch.setitem(TASKS, "count", count)
    picture = Image.new("RGB", (64, 64), "red")
    with SmolVLM.load(embedded) as vlm:
        plan = vlm.plan(picture, task="count")  # pyright: ignore[reportArgumentType]
        assert plan.tiles > vlm.plan(picture, task="describe").tiles
        asked = vlm.plan(picture, task="ask", question="How many things?", resolution=2)
    assert plan.prompt_tokens == asked.prompt_tokens

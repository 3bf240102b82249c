"""`tune_model` measures what is here, keeps it, and "auto" goes by it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from smolvlm_tools import (
    BadOptions,
    ExpectedSeconds,
    GenerationOptions,
    ModelNotFound,
    SmolVLM,
    open_checkpoint,
    plan_model,
)
from smolvlm_tools.backends.choose import choose_backend, rank_backends
from smolvlm_tools.backends.registry import SPECS
from smolvlm_tools.backends.tuning import kept, tune
from smolvlm_tools.backends.tuning.speeds import Place, Speed, Tuning, rank_speeds
from smolvlm_tools.backends.tuning.tune import tune_model, ways_of
from smolvlm_tools.engine.planner import Planner
from smolvlm_tools.prompt.request import Request
from smolvlm_tools.prompt.tasks import task_messages
from tests.support.paths import SHAPES

pytest.importorskip("openvino", reason="the extra `openvino` is not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where this test's measurements are kept."""
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "kept")
    return tmp_path / "kept"


def speed(backend: str, precision: str = "int8", tile: float = 1.0, **more) -> Speed:
    whole = {"prefill_seconds": 0.1, "step_seconds": 0.01, "peak_bytes": 10**8, "is_auto": True}
    return Speed(backend=backend, precision=precision, tile_seconds=tile, **(whole | more))


def tuned(checkpoint, *speeds: Speed, threads: int | None = None) -> None:
    """Keep measurements of this machine."""
    kept.keep(Tuning(place=Place.here(checkpoint, threads), speeds=speeds, failures={}))


def test_each_backend_is_measured_in_each_form_that_the_checkpoint_has(embedded, folder):
    told: list[tuple[int, int, str]] = []
    tuning = tune_model(embedded, rounds=1, tell=lambda *each: told.append(each))
    ways = {(way.backend, way.precision) for way in ways_of(open_checkpoint(embedded))}
    assert {("onnx", "int8"), ("onnx", "fp32"), ("openvino", "int8")} <= ways
    assert {(each.backend, each.precision) for each in tuning.speeds} == ways
    assert tuning.failures == {}
    for each in tuning.speeds:
        assert 0 < each.step_seconds < each.prefill_seconds
        assert each.tile_seconds > 0 and each.peak_bytes > 50e6
    assert [done for done, _, _ in told] == list(range(len(ways) + 1))
    assert kept.find(Place.here(open_checkpoint(embedded))) == tuning
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("backend", ["onnx", "openvino", "torch"])
def test_auto_takes_what_was_quickest(backend, embedded):
    pytest.importorskip(backend.replace("onnx", "onnxruntime"))
    checkpoint = open_checkpoint(embedded)
    autos = {way.backend: way.precision for way in ways_of(checkpoint) if way.is_auto}
    tuned(
        checkpoint,
        *(speed(name, way, 0.5 if name == backend else 1.0) for name, way in autos.items()),
    )
    assert choose_backend(checkpoint, "auto", "cpu") == backend
    assert plan_model(embedded, device="cpu").backend == backend
    with SmolVLM.load(embedded, device="cpu") as vlm:
        assert vlm.generate([{"role": "user", "content": "Hello"}]).backend == backend


def test_small_differences_say_nothing(embedded):
    checkpoint = open_checkpoint(embedded)
    tuned(checkpoint, speed("onnx", tile=1.0), speed("openvino", tile=0.97))
    assert choose_backend(checkpoint, "auto", "cpu") == "onnx"
    assert [each.backend for each in rank_speeds([speed("a", tile=0.97), speed("b")], "b")] == [
        "b",
        "a",
    ]


def test_a_measurement_holds_for_its_precision_threads_device_and_machine_alone(
    embedded, monkeypatch
):
    checkpoint = open_checkpoint(embedded)
    tuned(checkpoint, speed("openvino", "int8"), threads=1)
    assert choose_backend(checkpoint, "auto", "cpu", 1) == "openvino"
    assert choose_backend(checkpoint, "int8", "cpu", 1) == "openvino"
    assert choose_backend(checkpoint, "fp32", "cpu", 1) == "onnx"
    assert choose_backend(checkpoint, "auto", "cpu", 2) == "onnx"
    assert choose_backend(checkpoint, "auto", "cuda", 1) != "openvino"
    monkeypatch.setattr("smolvlm_tools.backends.tuning.speeds.cpu_name", lambda: "another")
    assert choose_backend(checkpoint, "auto", "cpu", 1) == "onnx"


def test_a_plan_has_seconds_where_they_were_measured(embedded):
    checkpoint = open_checkpoint(embedded)
    with SmolVLM.load(embedded, backend="onnx", precision="int8") as vlm:
        assert vlm.plan(SHAPES).seconds is None
        tuned(checkpoint, speed("openvino"))
        assert vlm.plan(SHAPES).seconds is None, "of another backend"
        tuned(checkpoint, speed("onnx"))
        plan = vlm.plan(SHAPES)
        small = vlm.plan(SHAPES, resolution=1)
    assert plan.seconds == ExpectedSeconds(
        vision=plan.tiles * 1.0,
        prefill=plan.prompt_tokens / 256 * 0.1,
        decode=128 * 0.01,
        new_tokens=128,
    )
    assert plan.seconds.total == pytest.approx(plan.seconds.vision + plan.seconds.prefill + 1.28)
    assert small.seconds is not None and small.seconds.vision == 1.0


@pytest.mark.parametrize(
    ("options", "measured"), [({"threads": 1}, False), ({"device": "cuda"}, False), ({}, True)]
)
def test_seconds_hold_for_the_cpu_and_the_threads_that_were_measured(embedded, options, measured):
    tuned(open_checkpoint(embedded), speed("torch", "bf16"), speed("onnx"))
    planner = Planner.open(embedded, **options)
    request = Request(task_messages(SHAPES, "describe"), GenerationOptions(), 1, "describe")
    assert (planner.plan(request)[0].seconds is not None) == measured


def test_a_shorter_reply_takes_less(embedded):
    tuned(open_checkpoint(embedded), speed("onnx"))
    options = GenerationOptions(max_new_tokens=10)
    request = Request(task_messages(SHAPES, "describe"), options, 1, "describe")
    seconds = Planner.open(embedded).plan(request)[0].seconds
    assert seconds is not None and (seconds.new_tokens, seconds.decode) == (10, 0.1)


def test_of_another_shape_nothing_is_known(embedded, tiny_a):
    tuned(open_checkpoint(embedded), speed("openvino"))
    assert kept.find(Place.here(open_checkpoint(tiny_a))) is None


def test_what_is_quicker_but_does_not_fit_the_budget_is_given_up_and_said(embedded):
    checkpoint = open_checkpoint(embedded)
    tuned(checkpoint, speed("openvino", tile=0.2), speed("onnx"))
    needs = {
        name: plan_model(embedded, backend=name, device="cpu").predicted_bytes
        for name in ("onnx", "openvino")
    }
    assert needs["onnx"] < needs["openvino"]
    plan = plan_model(embedded, device="cpu", memory_budget=needs["onnx"] + 5_000_000)
    if plan.backend == "onnx":
        assert any("openvino" in loss for loss in plan.given_up)
    assert rank_backends(checkpoint, "auto", "cpu") == ["openvino", "onnx"]


def test_a_damaged_file_is_said_and_measures_nothing(embedded, folder, caplog):
    checkpoint = open_checkpoint(embedded)
    tuned(checkpoint, speed("openvino"))
    (path,) = folder.iterdir()
    path.write_text('{"place": 5}')
    assert choose_backend(checkpoint, "auto", "cpu") == "onnx"
    assert "smolvlm tune" in caplog.text


def test_loading_measures_when_asked_to_and_once(embedded, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(
        "smolvlm_tools.engine.loading.tune_model",
        lambda name, **options: (
            asked.append(options["threads"]) or tuned(open_checkpoint(name), speed("onnx"))
        ),
    )
    for tune_it in (False, True, True):
        SmolVLM.load(embedded, device="cpu", tune=tune_it).close()
    assert asked == [None]
    with pytest.raises(BadOptions):
        SmolVLM.load(embedded, tune=True, precision="int3")
    assert asked == [None]


def test_what_cannot_be_measured_is_named_with_its_reason(embedded, monkeypatch):
    monkeypatch.setattr(tune, "ways_of", lambda _: [tune.Way("onnx", "q4f16", False)])
    tuning = tune_model(embedded, rounds=1)
    assert tuning.speeds == ()
    assert "q4f16" in tuning.failures["onnx q4f16"]
    assert kept.find(tuning.place) is None


def test_a_process_that_dies_or_hangs_is_a_failure_of_its_own(embedded, monkeypatch):
    monkeypatch.setattr(tune, "ways_of", lambda _: [tune.Way("onnx", "int8", True)])
    real = subprocess.run

    def dying(command, **options):
        return real([sys.executable, "-c", "import os; os.abort()"], **options)

    monkeypatch.setattr(tune.subprocess, "run", dying)
    assert "ended with -6" in tune_model(embedded, rounds=1).failures["onnx int8"]
    monkeypatch.setattr(tune.subprocess, "run", real)
    monkeypatch.setattr(tune, "PATIENCE", 0.01)
    assert "longer than 0.01 s" in tune_model(embedded, rounds=1).failures["onnx int8"]


def test_what_was_measured_once_is_no_failure(embedded, monkeypatch):
    monkeypatch.setattr(tune, "ways_of", lambda _: [tune.Way("onnx", "int8", True)])
    real, runs = tune._run, iter(({"reason": "it fell over"}, None))
    monkeypatch.setattr(tune, "_run", lambda trial: next(runs) or real(trial))
    tuning = tune_model(embedded, rounds=2)
    assert [speed.backend for speed in tuning.speeds] == ["onnx"]
    assert tuning.failures == {}


@pytest.mark.parametrize("options", [{"threads": 0}, {"rounds": 0}, {"rounds": -1}])
def test_impossible_numbers_are_refused(embedded, options):
    with pytest.raises(BadOptions):
        tune_model(embedded, **options)


def test_nothing_that_could_run_it(embedded, monkeypatch):
    for spec in SPECS.values():
        monkeypatch.setattr(spec, "packages", ("no_such_module",))
    with pytest.raises(ModelNotFound, match="smolvlm doctor"):
        tune_model(embedded)


def test_the_quicker_of_two_measurements_counts_part_by_part():
    one, other = speed("onnx", tile=1, step_seconds=0.02), speed("onnx", tile=2, step_seconds=0.01)
    both = one.quicker(other)
    assert (both.tile_seconds, both.step_seconds) == (1, 0.01)
    assert both.page_seconds < min(one.page_seconds, other.page_seconds)


def test_configurations_are_told_apart_by_their_numbers(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    other = dataclasses.replace(checkpoint, id="another", revision="f" * 40)
    assert Place.here(checkpoint) == Place.here(other)
    assert json.loads(Place.here(checkpoint).model_dump_json())["threads"] >= 1

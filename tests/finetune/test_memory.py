"""What a run takes is known before it starts, and kept to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from benchmarks.checkpoints.make import build_checkpoint
from smolvlm_tools import open_checkpoint
from smolvlm_tools.checkpoint.weights import weights_here
from smolvlm_tools.errors import OutOfMemoryBudget
from smolvlm_tools.finetune.encoding import Extent
from smolvlm_tools.finetune.memory import BatchShape, TrainingFootprint
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.planning import Place, plan_training, steps_of
from tests.support.checkpoints import reference_folder
from tests.support.paths import ROOT
from tests.support.processes import environment

MB = 10**6
SAMPLES = [Extent(tokens=100 + at % 7, answers=9, tiles=1) for at in range(2000)]


@pytest.fixture(scope="module")
def config(embedded):
    return open_checkpoint(embedded).config


def plan(config, budget=None, samples=SAMPLES, **options):
    place = Place("cpu", budget, 60 * MB)
    return plan_training(config, FineTuneOptions(**options), samples, samples[:50], place)


def test_the_largest_batch_that_fits_is_chosen(config):
    free = plan(config)
    assert free.batch_size == 16 and free.steps == 125 and not free.checkpointing
    batches = [plan(config, free.predicted_bytes - less * MB).batch_size for less in (0, 1, 90)]
    assert batches[0] == 16 and batches[0] > batches[1] >= batches[2] >= 1
    for budget in (free.predicted_bytes, free.predicted_bytes - 50 * MB):
        assert plan(config, budget).predicted_bytes <= budget


def test_few_samples_are_not_used_up_in_a_few_steps(config):
    assert plan(config, samples=SAMPLES[:100]).batch_size == 1
    assert plan(config, samples=SAMPLES[:400]).batch_size == 4
    assert plan(config, samples=SAMPLES[:400], epochs=4).batch_size == 16


def test_activations_are_computed_again_only_where_nothing_else_fits(config):
    kept = plan(config, batch_size=16, checkpointing=False)
    again = plan(config, batch_size=16, checkpointing=True)
    assert again.predicted_bytes < kept.predicted_bytes
    assert plan(config, kept.predicted_bytes, batch_size=16) == kept.model_copy(
        update={"budget_bytes": kept.predicted_bytes}
    )
    assert plan(config, again.predicted_bytes, batch_size=16).checkpointing


def test_what_fits_nowhere_is_refused_with_the_budget_that_would_do(config):
    with pytest.raises(OutOfMemoryBudget, match="the memory budget is 100 MB") as caught:
        plan(config, 100 * MB, method="full", batch_size=4)
    assert "`memory_budget`" in caught.value.remedy and "`method='lora'`" in caught.value.remedy
    needed = caught.value.needed_bytes
    assert plan(config, needed, method="full", batch_size=4).predicted_bytes <= needed


def test_the_same_run_is_planned_alike_in_a_process_of_nearly_the_same_size(config):
    place = [Place("cpu", 900 * MB, resident) for resident in (70 * MB, 100 * MB)]
    plans = [plan_training(config, FineTuneOptions(), SAMPLES, [], each) for each in place]
    assert plans[0] == plans[1]


def test_the_files_of_the_weights_count_beside_them_until_they_are_read(config):
    plans = {}
    for stored in (None, 0, 900 * MB):
        place = Place("cpu", None, 60 * MB, stored=stored)
        plans[stored] = plan_training(config, FineTuneOptions(), SAMPLES[:9], [], place)
    large = plans[900 * MB]
    around = large.parts["process and libraries"]
    assert large.predicted_bytes == around + 4 * large.numbers + 900 * MB
    assert plans[None].predicted_bytes == plans[0].predicted_bytes < large.predicted_bytes
    on_a_gpu = Place("cuda", stored=900 * MB)
    assert plan_training(config, FineTuneOptions(), SAMPLES[:9], [], on_a_gpu).predicted_bytes < (
        100 * MB
    )


@pytest.mark.parametrize("shards", [1, 3])
def test_only_weights_that_are_all_here_have_a_size(tiny_a, tmp_path, shards):
    from huggingface_hub import save_torch_state_dict
    from safetensors.torch import load_file

    folder = tmp_path / "copy"
    shutil.copytree(tiny_a, folder)
    if shards > 1:
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        save_torch_state_dict(
            tensors, folder, filename_pattern="model{suffix}.safetensors", max_shard_size=60_000
        )
    files = list(folder.glob("*.safetensors"))
    checkpoint = open_checkpoint(folder)
    assert len(files) >= shards
    assert weights_here(checkpoint) == sum(path.stat().st_size for path in files)
    files[0].unlink()
    assert weights_here(checkpoint) is None


@pytest.mark.parametrize(
    ("options", "steps"), [({}, 250), ({"epochs": 0.5}, 125), ({"max_steps": 7}, 7)]
)
def test_steps_are_those_of_the_loop(options, steps):
    assert steps_of(FineTuneOptions(**options), 2000, 8) == steps


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rank": 3, "targets": ("q_proj", "down_proj")},
        {"dora": True},
        {"vision": "train"},
        {"method": "full"},
        {"method": "full", "vision": "train"},
    ],
)
def test_weights_that_learn_are_counted_as_torch_counts_them(options, config, embedded):
    for name in ("torch", "transformers", "peft"):
        pytest.importorskip(name)
    from smolvlm_tools.finetune.model import open_learner

    chosen = FineTuneOptions(**options)
    learner = open_learner(open_checkpoint(embedded), chosen)
    footprint = TrainingFootprint(config, chosen, "fp32", checkpointing=False)
    assert footprint.trained == sum(each.numel() for _, each in learner.trained())
    added = footprint.trained if chosen.method == "lora" else 0
    assert footprint.numbers == sum(p.numel() for p in learner.model.parameters()) - added


def test_the_largest_batch_is_the_worst_that_may_come():
    mixed = [Extent(10, 9, 1), Extent(90, 2, 5), Extent(50, 7, 2)]
    assert BatchShape.largest(mixed, 2) == BatchShape(2, 180, 16, 7, 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 1, "max_steps": 3},
        {"batch_size": 32, "max_steps": 3},
        {"batch_size": 32, "max_steps": 3, "method": "full"},
    ],
)
def test_a_run_takes_no_more_than_was_planned_and_not_much_less(options, tmp_path):
    for name in ("torch", "transformers", "accelerate", "peft"):
        pytest.importorskip(name)
    make = [sys.executable, str(ROOT / "examples" / "receipts" / "make.py"), str(tmp_path)]
    subprocess.run([*make, "--train", "100", "--held-out", "1"], check=True, timeout=60)
    module = [sys.executable, "-m", "tests.support.measured_finetuning"]
    arguments = [str(tmp_path / "train.jsonl"), str(tmp_path / "out"), "4", json.dumps(options)]
    done = subprocess.run(
        [*module, *arguments], cwd=ROOT, env=environment(), capture_output=True, timeout=300
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["taken"] <= found["planned"] <= 1.5 * found["taken"]


@pytest.mark.slow
def test_the_plan_holds_on_full_size_weights_in_sixteen_bits(tmp_path):
    for name in ("torch", "transformers", "accelerate", "peft"):
        pytest.importorskip(name)
    shapes = reference_folder()
    if shapes is None:
        pytest.skip("no configuration of the 256M here; see tests/support/checkpoints.py")
    model = build_checkpoint(shapes / "SmolVLM-256M-Instruct", tmp_path / "256m")
    make = [sys.executable, str(ROOT / "examples" / "receipts" / "make.py"), str(tmp_path)]
    subprocess.run([*make, "--train", "20", "--held-out", "1"], check=True, timeout=60)
    options = json.dumps({"batch_size": 1, "max_steps": 3, "resolution": 1})
    module = [sys.executable, "-m", "tests.support.measured_finetuning"]
    arguments = [str(tmp_path / "train.jsonl"), str(tmp_path / "out"), "0", options, str(model)]
    done = subprocess.run(
        [*module, *arguments], cwd=ROOT, env=environment(), capture_output=True, timeout=600
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["taken"] <= found["planned"] <= 1.5 * found["taken"]

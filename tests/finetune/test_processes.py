"""Several processes learn what one does."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.support.killed_finetuning import HERE, command, environment
from tests.support.lessons import tensors_of

RUN = {"epochs": 2, "learning_rate": 1e-2, "rank": 4, "validation": 3, "save_every": 2}


def launch(checkpoint, out, run, module=HERE):
    """Two processes as torchrun starts them, with gloo on the CPU."""
    _, *rest = command(checkpoint, out, run, module)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    environ = environment(ACCELERATE_USE_CPU="true")
    subprocess.run([*torchrun, *rest], check=True, env=environ, timeout=280)


def progress_of(out):
    (state,) = (out / "state").glob("*/state.json")
    return json.loads(state.read_text())["progress"]


def cancelled(checkpoint, out, run, step, module=HERE):
    """Two processes, of which the first is told to end after a step."""
    with pytest.raises(subprocess.CalledProcessError):
        launch(checkpoint, out, run | {"cancel_after": step}, module)


def assert_like_one(many, one):
    np.testing.assert_allclose(progress_of(many)["losses"], progress_of(one)["losses"], rtol=1e-4)
    np.testing.assert_allclose(
        progress_of(many)["held_out"], progress_of(one)["held_out"], rtol=1e-4
    )
    wanted, found = tensors_of(one / "checkpoint"), tensors_of(many / "checkpoint")
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"method": "full", "vision": "train"}])
def test_two_processes_come_to_what_one_does(tiny_a, tmp_path, more):
    # 7 samples: the last step of an epoch has a batch for the first process only
    run = {**RUN, **more, "training": 7, "batch_size": 2}
    one, two = tmp_path / "one", tmp_path / "two"
    alone = {**run, "accumulate": 2}
    subprocess.run(command(tiny_a, one, alone), check=True, env=environment(), timeout=120)
    launch(tiny_a, two, run)
    assert_like_one(two, one)


@pytest.mark.slow
def test_two_processes_end_together_and_go_on(tiny_a, tmp_path):
    run = {**RUN, "training": 7, "batch_size": 2}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    launch(tiny_a, whole, run)
    cancelled(tiny_a, cut, run, 3)
    assert progress_of(cut)["step"] == 3
    launch(tiny_a, cut, run)
    wanted, found = tensors_of(whole / "adapter"), tensors_of(cut / "adapter")
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.slow
def test_weights_may_be_spread_over_the_processes(tiny_a, tmp_path):
    run = {**RUN, "training": 7, "batch_size": 2}
    one, spread = tmp_path / "one", tmp_path / "spread"
    alone = {**run, "accumulate": 2}
    subprocess.run(command(tiny_a, one, alone), check=True, env=environment(), timeout=120)
    sharded = "tests.support.sharded_finetuning"
    cancelled(tiny_a, spread, run, 3, sharded)
    launch(tiny_a, spread, run, sharded)
    assert_like_one(spread, one)

"""A run that was ended goes on to the very same weights."""

from __future__ import annotations

import subprocess

import pytest
import torch

from smolvlm_tools import open_checkpoint
from smolvlm_tools.errors import BadOptions, Cancelled, ModelInvalid
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.train import finetune
from tests.support.killed_finetuning import command, environment
from tests.support.lessons import split, tensors_of

RUN = {
    "epochs": 3,
    "batch_size": 2,
    "accumulate": 2,
    "learning_rate": 1e-2,
    "dropout": 0.1,
    "rank": 4,
}


def bits(folder):
    return {
        name: tensor.reshape(-1).view(torch.uint8) for name, tensor in tensors_of(folder).items()
    }


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def cancel_after(step):
    def told(record):
        if record.step == step:
            raise Cancelled("enough")

    return told


@pytest.mark.parametrize("more", [{}, {"dora": True}, {"method": "full", "vision": "train"}])
@pytest.mark.parametrize("step", [1, 4])
def test_a_cancelled_run_goes_on_to_the_same_weights(tiny_a, tmp_path, more, step):
    checkpoint, samples = open_checkpoint(tiny_a), split(9, 2)
    options = FineTuneOptions(**{**RUN, **more, "save_every": 100})
    whole = finetune(checkpoint, samples, tmp_path / "whole", options)
    with pytest.raises(Cancelled):
        finetune(checkpoint, samples, tmp_path / "cut", options, on_step=cancel_after(step))
    told = []
    resumed = finetune(checkpoint, samples, tmp_path / "cut", options, on_step=told.append)
    assert [record.step for record in told] == list(range(step + 1, whole.steps + 1))
    assert resumed.losses == whole.losses and resumed.held_out == whole.held_out
    assert_same(bits(resumed.checkpoint), bits(whole.checkpoint))


def test_a_finished_run_takes_no_step_and_leaves_the_same_again(tiny_a, tmp_path):
    checkpoint, samples, options = open_checkpoint(tiny_a), split(5), FineTuneOptions(**RUN)
    first = finetune(checkpoint, samples, tmp_path, options)
    before, told = bits(first.checkpoint), []
    assert finetune(checkpoint, samples, tmp_path, options, on_step=told.append) == first
    assert not told
    assert_same(bits(first.checkpoint), before)


def test_a_run_does_not_go_on_under_other_options(tiny_a, tmp_path):
    checkpoint, samples = open_checkpoint(tiny_a), split(5)
    finetune(checkpoint, samples, tmp_path, FineTuneOptions(**RUN))
    other = FineTuneOptions(**{**RUN, "rank": 8})
    with pytest.raises(BadOptions, match=r"rank = 4, not 8"):
        finetune(checkpoint, samples, tmp_path, other)
    with pytest.raises(BadOptions, match="samples"):
        finetune(checkpoint, split(6), tmp_path, FineTuneOptions(**RUN))
    assert finetune(checkpoint, samples, tmp_path, other, resume=False).steps == 6


def test_a_damaged_state_is_refused(tiny_a, tmp_path):
    checkpoint, samples, options = open_checkpoint(tiny_a), split(5), FineTuneOptions(**RUN)
    finetune(checkpoint, samples, tmp_path, options)
    (state,) = (tmp_path / "state").glob("*/state.safetensors")
    state.write_bytes(state.read_bytes()[:-5])
    with pytest.raises(ModelInvalid, match="damaged"):
        finetune(checkpoint, samples, tmp_path, options)


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_weights(tiny_a, tmp_path):
    run = {**RUN, "training": 12, "validation": 2, "epochs": 4, "save_every": 1}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(tiny_a, whole, run), check=True, env=environment(), timeout=120)
    last = 0
    for lines in (2, 1, 3):
        process = subprocess.Popen(
            command(tiny_a, killed, run), stdout=subprocess.PIPE, env=environment(), text=True
        )
        with process:
            for _ in range(lines):
                last = int(process.stdout.readline())
            process.kill()  # at whatever it is doing by then
    assert last < 12
    subprocess.run(command(tiny_a, killed, run), check=True, env=environment(), timeout=120)
    for folder in ("adapter", "checkpoint", "state/step-00000012"):
        assert_same(bits(killed / folder), bits(whole / folder))

"""One step is that of plain transformers and peft, with labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smolvlm_tools import open_checkpoint
from smolvlm_tools.finetune import loss as loss_module
from smolvlm_tools.finetune.encoding import Encoder
from smolvlm_tools.finetune.loss import AnswerLoss
from smolvlm_tools.finetune.model import open_learner
from smolvlm_tools.finetune.options import TARGETS, FineTuneOptions
from smolvlm_tools.finetune.padded import pad
from smolvlm_tools.vision.tiles import normalise
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.lessons import asked, picture, sample, turn

SAMPLES = {
    "no image": [asked("Hello?", "Yes.")],
    "one unsplit image": [asked("What is it?", "A circle.", picture(30, 20))],
    "one split image": [asked("What is it?", "A circle.", picture(120, 90))],
    "several images": [
        asked("What?", "Shapes.", picture(30, 30, 1), picture(100, 40, 2), picture(20, 90, 3))
    ],
    "several turns": [
        sample(
            turn("user", picture(64, 64), "What is it?"),
            turn("assistant", "A circle."),
            turn("user", "And this?", picture(20, 20, 5)),
            turn("assistant", "A red square."),
        )
    ],
    "a batch of them": [
        asked("What is it?", "A circle.", picture(30, 20)),
        asked("Hello?", "Yes, there are 12 shapes."),
        asked("What?", "Shapes.", picture(100, 40, 2), picture(20, 90, 3)),
    ],
}


@pytest.fixture(params=["a", "b"], scope="module")
def checkpoint(request, tmp_path_factory):
    return open_checkpoint(build_tiny_checkpoint(tmp_path_factory.mktemp("tiny"), request.param))


def learner_of(checkpoint, **options):
    """A learner whose new matrices are no longer zero."""
    learner = open_learner(checkpoint, FineTuneOptions(rank=4, **options))
    chance = torch.Generator().manual_seed(1)
    for name, parameter in learner.trained():
        if "lora_B" in name:
            parameter.data += torch.randn(parameter.shape, generator=chance) / 20
    return learner


def our_loss(checkpoint, learner, samples):
    examples = [Encoder(checkpoint).encode(each) for each in samples]
    padded = pad([(each.token_ids, each.is_answer) for each in examples])
    frames = np.concatenate([each.frames for each in examples])
    tiles = torch.from_numpy(normalise(frames, checkpoint.config.image)) if len(frames) else None
    module = AnswerLoss(learner.model, trains_vision=False)
    return module(padded.token_ids, padded.is_answer, tiles), padded, tiles, examples


def their_loss(model, padded, tiles, examples):
    """transformers' own forward with labels, its own padding of images and a mask."""
    labels = padded.token_ids.masked_fill(~padded.is_answer, -100)
    lengths = torch.tensor([len(each.token_ids) for each in examples])
    mask = torch.arange(padded.token_ids.shape[1])[None] < lengths[:, None]
    pixels = None
    if tiles is not None:
        counts = [len(each.frames) for each in examples]
        pixels = torch.zeros(len(examples), max(counts), *tiles.shape[1:])
        for row, own in zip(pixels, tiles.split(counts), strict=True):
            row[: len(own)] = own
    output = model(
        input_ids=padded.token_ids,
        attention_mask=mask.long(),
        pixel_values=pixels,
        labels=labels,
        use_cache=False,
    )
    return output.loss * padded.is_answer.sum()


def gradients(learner):
    return {name: parameter.grad for name, parameter in learner.trained()}


@pytest.mark.parametrize("name", SAMPLES)
def test_loss_and_gradients_of_a_lora_step_are_those_of_transformers_and_peft(checkpoint, name):
    ours, theirs = learner_of(checkpoint), learner_of(checkpoint)
    loss, *batch = our_loss(checkpoint, ours, SAMPLES[name])
    loss.backward()
    truth = their_loss(theirs.adapted, *batch)
    truth.backward()
    torch.testing.assert_close(loss, truth, rtol=1e-5, atol=1e-5)
    wanted = gradients(theirs)
    assert len(wanted) == 2 * len(TARGETS) * checkpoint.config.text.layers
    for key, gradient in gradients(ours).items():
        torch.testing.assert_close(gradient, wanted[key], rtol=1e-5, atol=1e-5, msg=key)


@pytest.mark.parametrize("options", [{"dora": True}, {"vision": "train"}, {"method": "full"}])
def test_so_are_those_of_other_methods(checkpoint, options):
    options = {"method": "lora", **options}
    ours, theirs = (learner_of(checkpoint, **options) for _ in range(2))
    samples = SAMPLES["a batch of them"]
    examples = [Encoder(checkpoint).encode(each) for each in samples]
    padded = pad([(each.token_ids, each.is_answer) for each in examples])
    frames = np.concatenate([each.frames for each in examples])
    tiles = torch.from_numpy(normalise(frames, checkpoint.config.image))
    module = AnswerLoss(ours.model, trains_vision=options.get("vision") == "train")
    module(padded.token_ids, padded.is_answer, tiles).backward()
    their_loss(theirs.model, padded, tiles, examples).backward()
    wanted = gradients(theirs)
    names = [name for name in wanted if "vision_model" in name or "connector" in name]
    assert bool(names) == (options.get("vision") == "train")
    for key, gradient in gradients(ours).items():
        if wanted[key] is None:
            assert gradient is None, key
        else:
            torch.testing.assert_close(gradient, wanted[key], rtol=1e-3, atol=2e-5, msg=key)


def test_another_image_is_another_loss(checkpoint):
    learner = learner_of(checkpoint)
    losses = {
        float(our_loss(checkpoint, learner, [asked("What?", "So.", picture(40, 40, seed))])[0])
        for seed in range(3)
    }
    assert len(losses) == 3


def test_questions_are_not_learned(checkpoint):
    """Neither is what comes after the answer has begun counted twice."""
    learner = learner_of(checkpoint)
    said = [turn("user", "What?"), turn("assistant", "A circle.")]
    more = [turn("user", "And?"), turn("assistant", "So.")]
    both, padded, *_ = our_loss(checkpoint, learner, [sample(*said, *more)])
    first, *_ = our_loss(checkpoint, learner, [sample(*said)])
    second_only = padded.is_answer.clone()
    second_only[0, : len(Encoder(checkpoint).encode(sample(*said)).token_ids)] = False
    module = AnswerLoss(learner.model, trains_vision=False)
    second = module(padded.token_ids, second_only)
    torch.testing.assert_close(both, first + second)


def test_many_answer_tokens_are_scored_in_parts(checkpoint, monkeypatch):
    samples = [asked("Hello?", "There are 12 shapes. " * 9, picture(30, 30))]
    whole, parts = learner_of(checkpoint), learner_of(checkpoint)
    truth = our_loss(checkpoint, whole, samples)[0]
    truth.backward()
    monkeypatch.setattr(loss_module, "AT_ONCE", 7)
    loss = our_loss(checkpoint, parts, samples)[0]
    loss.backward()
    torch.testing.assert_close(loss, truth)
    wanted = gradients(whole)
    for key, gradient in gradients(parts).items():
        torch.testing.assert_close(gradient, wanted[key], msg=key)

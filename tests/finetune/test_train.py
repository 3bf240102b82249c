"""Whole runs, and what they leave."""

from __future__ import annotations

import json

import numpy as np
import peft
import pytest
import torch

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.errors import BadOptions, TrainingFailed
from smolvlm_tools.finetune.encoding import Encoder
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.samples import Split
from smolvlm_tools.finetune.train import finetune
from smolvlm_tools.vision.tiles import normalise
from tests.support import lora
from tests.support.lessons import asked, lessons, picture, split, tensors_of

FAST = {"learning_rate": 1e-2, "batch_size": 2, "rank": 4, "max_grad_norm": 1e9}


def assert_close(one, other, **bounds):
    one, other = tensors_of(one), tensors_of(other)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], msg=name, **bounds)


@pytest.mark.parametrize(
    "more",
    [{}, {"dora": True}, {"vision": "train"}, {"targets": ("q_proj", "v_proj"), "alpha": 3.0}],
)
def test_an_adapter_and_the_merged_checkpoint_say_what_peft_says(tiny, tmp_path, more):
    checkpoint = open_checkpoint(tiny)
    options = FineTuneOptions(**FAST, **more, epochs=2)
    tuned = finetune(checkpoint, split(4), tmp_path, options)
    example = Encoder(checkpoint).encode(asked("What?", "So.", picture(100, 60)))
    tiles = normalise(example.frames, checkpoint.config.image)
    ids = example.token_ids
    truth = lora.their_scores(lora.merged_by_peft(tiny, tuned.adapter), ids, tiles)
    base = lora.scores(lora.load(tiny, None), ids, tiles)
    assert np.abs(truth - base).max() > 0.1, "nothing was learned"
    with_adapter = lora.scores(lora.load(tiny, tuned.adapter), ids, tiles)
    merged = lora.scores(lora.load(tuned.checkpoint, None), ids, tiles)
    last = truth[-1] if with_adapter.ndim == 1 else truth
    np.testing.assert_allclose(with_adapter, last, atol=1e-4)
    np.testing.assert_array_equal(merged, with_adapter)
    config = json.loads((tuned.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == checkpoint.id


def test_peft_itself_goes_on_with_an_adapter(tiny_a, tmp_path):
    from transformers import AutoModelForImageTextToText

    tuned = finetune(open_checkpoint(tiny_a), split(4), tmp_path, FineTuneOptions(**FAST))
    base = AutoModelForImageTextToText.from_pretrained(tiny_a, dtype="float32")
    model = peft.PeftModel.from_pretrained(base, tuned.adapter, is_trainable=True)
    own = {name: each for name, each in model.named_parameters() if each.requires_grad}
    assert {each.replace(".default", "") for each in own} == set(tensors_of(tuned.adapter))


def test_full_training_changes_the_decoder_and_keeps_the_rest(tiny, tmp_path):
    checkpoint = open_checkpoint(tiny)
    tuned = finetune(checkpoint, split(4), tmp_path, FineTuneOptions(**FAST, method="full"))
    assert tuned.adapter is None
    before, after = tensors_of(tiny), tensors_of(tuned.checkpoint)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = {name for name in before if "vision_model" in name or "connector" in name}
    assert changed == set(before) - frozen


def test_the_embedded_checkpoint_learns_an_answer_and_gives_it(embedded, tmp_path):
    image = picture(128, 128, 4)
    samples = [asked("What is this?", "A zebra in the rain.", image)] * 4
    options = FineTuneOptions(
        learning_rate=2e-2, batch_size=2, epochs=20, rank=16, checkpointing=True
    )
    tuned = finetune(open_checkpoint(embedded), Split(samples, []), tmp_path, options)
    assert tuned.losses[-1] < 0.05 < tuned.losses[0]
    for backend in ("torch", "onnx"):
        if backend == "onnx":
            from smolvlm_tools.export import export_checkpoint

            export_checkpoint(tuned.checkpoint, tuned.checkpoint, ["fp32"])
        engine = SmolVLM.load(tuned.checkpoint, backend=backend, precision="fp32")
        answer = engine.ask(image, "What is this?")
        assert answer.text == "A zebra in the rain."
        engine.close()


def test_batches_that_are_accumulated_are_one_large_batch(tiny_a, tmp_path):
    checkpoint, samples = open_checkpoint(tiny_a), split(8, 3)
    few = FineTuneOptions(**{**FAST, "batch_size": 1, "accumulate": 4}, epochs=2)
    many = FineTuneOptions(**{**FAST, "batch_size": 4, "accumulate": 1}, epochs=2)
    one = finetune(checkpoint, samples, tmp_path / "1", few)
    other = finetune(checkpoint, samples, tmp_path / "4", many)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-5)
    np.testing.assert_allclose(one.held_out, other.held_out, rtol=1e-5)
    assert_close(one.adapter, other.adapter, rtol=1e-3, atol=1e-4)


def test_recomputing_activations_changes_nothing(tiny_a, tmp_path):
    checkpoint, samples = open_checkpoint(tiny_a), split(4)
    kept = finetune(checkpoint, samples, tmp_path / "kept", FineTuneOptions(**FAST))
    options = FineTuneOptions(**FAST, checkpointing=True)
    again = finetune(checkpoint, samples, tmp_path / "again", options)
    assert_close(kept.adapter, again.adapter)


def test_half_precision_comes_close(tiny_a, tmp_path):
    checkpoint, samples = open_checkpoint(tiny_a), split(4)
    exact = finetune(checkpoint, samples, tmp_path / "fp32", FineTuneOptions(**FAST))
    options = FineTuneOptions(**FAST, arithmetic="bf16")
    rough = finetune(checkpoint, samples, tmp_path / "bf16", options)
    assert rough.losses != exact.losses
    np.testing.assert_allclose(rough.losses, exact.losses, rtol=0.02)
    assert all(each.dtype == torch.float32 for each in tensors_of(rough.adapter).values())


def test_steps_are_told_with_what_they_came_to(tiny_a, tmp_path):
    told = []
    options = FineTuneOptions(**FAST, epochs=2.5, warmup=0.25, evaluate_every=2)
    tuned = finetune(open_checkpoint(tiny_a), split(6, 2), tmp_path, options, on_step=told.append)
    assert [record.step for record in told] == list(range(1, 9))
    assert tuned.steps == 8 and tuned.losses == tuple(record.loss for record in told)
    rates = [record.rate for record in told]
    assert rates[0] < rates[1] < rates[2] == max(rates) == 1e-2 and rates[-1] < 2e-3
    measured = [(record.step, record.held_out_loss) for record in told if record.held_out_loss]
    assert measured == list(tuned.held_out[1:]) and [at for at, _ in measured] == [2, 4, 6, 8]
    assert all(record.tokens > 0 and record.grad_norm > 0 for record in told)
    assert tuned.held_out[-1][1] < tuned.held_out[0][1]


def test_a_run_that_no_longer_gets_better_ends_with_its_best_weights(tiny_a, tmp_path):
    checkpoint = open_checkpoint(tiny_a)
    samples = Split(lessons(4), [asked("Zz?", "zzz zzz!", picture(20, 20, 9))])
    options = FineTuneOptions(
        **{**FAST, "learning_rate": 0.05}, epochs=60, patience=3, evaluate_every=1
    )
    tuned = finetune(checkpoint, samples, tmp_path / "long", options)
    assert tuned.steps < 120 and tuned.best_step == tuned.steps - 3
    learned = dict(tuned.held_out[1:])
    assert learned[tuned.best_step] == min(learned.values())
    measured = finetune(
        open_checkpoint(tuned.checkpoint),
        samples,
        tmp_path / "again",
        FineTuneOptions(**FAST, max_steps=1),
    )
    np.testing.assert_allclose(measured.held_out[0][1], learned[tuned.best_step], rtol=1e-5)


def test_a_loss_that_is_not_finite_names_the_step_and_the_samples(tiny_a, tmp_path, monkeypatch):
    from smolvlm_tools.finetune.loss import AnswerLoss

    checkpoint, samples = open_checkpoint(tiny_a), split(6)
    plain, calls = AnswerLoss.forward, []

    def fail_at_the_sixth(self, *args, **kwargs):
        calls.append(1)
        loss = plain(self, *args, **kwargs)
        return loss * float("nan") if len(calls) == 6 else loss

    options = FineTuneOptions(**{**FAST, "batch_size": 1}, save_every=1)
    monkeypatch.setattr(AnswerLoss, "forward", fail_at_the_sixth)
    with pytest.raises(TrainingFailed, match=r"loss of step 6 .* samples: lessons:\d\.") as caught:
        finetune(checkpoint, samples, tmp_path, options)
    assert caught.value.reason.count("lessons:") == 1
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["step-00000005"]
    monkeypatch.undo()
    whole = finetune(checkpoint, samples, tmp_path / "whole", options)
    resumed = finetune(checkpoint, samples, tmp_path, options)
    assert resumed.losses == whole.losses


def test_features_of_frozen_images_are_computed_once(tiny_a, tmp_path, monkeypatch):
    from smolvlm_tools.finetune import train
    from smolvlm_tools.finetune.loss import AnswerLoss

    plain, seen = AnswerLoss.features, []

    def count(self, tiles):
        seen.append(len(tiles))
        return plain(self, tiles)

    monkeypatch.setattr(AnswerLoss, "features", count)
    checkpoint, options = open_checkpoint(tiny_a), FineTuneOptions(**FAST, epochs=3)
    kept = finetune(checkpoint, split(4, 2), tmp_path / "kept", options)
    assert sum(seen) == 6
    monkeypatch.setattr(train, "FEATURE_BYTES", 2 * 16 * 64 * 4 * 3)  # of three samples each
    again = finetune(checkpoint, split(4, 2), tmp_path / "again", options)
    assert sum(seen) == 6 + 3 + 3 * 1 + 2
    assert_close(kept.adapter, again.adapter, rtol=0, atol=0)


def test_nothing_to_learn_from_is_refused(tiny_a, tmp_path):
    checkpoint = open_checkpoint(tiny_a)
    with pytest.raises(BadOptions, match="no samples"):
        finetune(checkpoint, Split([], []), tmp_path, FineTuneOptions())
    too_long = [asked("?", "12 " * 5000, place="a:1")]
    with pytest.raises(BadOptions, match="no samples"):
        finetune(checkpoint, Split(too_long, []), tmp_path, FineTuneOptions())


def test_what_was_left_out_is_noted(tiny_a, tmp_path):
    samples = [*lessons(2), asked("?", "12 " * 5000, place="long:1")]
    tuned = finetune(
        open_checkpoint(tiny_a), Split(samples, [], ["read"]), tmp_path, FineTuneOptions(**FAST)
    )
    assert tuned.notes[0] == "read" and "long:1" in tuned.notes[1]


def test_an_unknown_device_is_refused(tiny_a, tmp_path):
    with pytest.raises(BadOptions, match="tpu"):
        finetune(open_checkpoint(tiny_a), split(2), tmp_path, FineTuneOptions(), device="tpu")


def test_a_run_says_nothing_of_the_libraries(tiny_a, tmp_path, recwarn, capfd):
    options = FineTuneOptions(max_steps=1, batch_size=1)
    finetune(open_checkpoint(tiny_a), split(2), tmp_path, options, device="cpu")
    assert capfd.readouterr().err == ""
    assert [str(each.message) for each in recwarn if each.category is FutureWarning] == []

"""How often images are decoded: once to check them, and then only to learn from them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.session import Wish, prepare, run
from smolvlm_tools.images.opened import LocalImage
from tests.support.lessons import picture


@pytest.fixture
def decoded(monkeypatch):
    """Sizes of the images whose pixels are decoded; every image of a test has its own."""
    seen, plain = Counter(), LocalImage.pixels

    def count(self, memory=None):
        seen[self.size] += 1
        return plain(self, memory)

    monkeypatch.setattr(LocalImage, "pixels", count)
    return seen


def wish_of(folder, model, images, **options):
    rows = []
    for at in range(images):
        picture(40 + at, 30, at).save(folder / f"{at}.png")
        rows.append({"image": f"{at}.png", "question": "What is it?", "answer": "A square."})
    data = folder / "train.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = FineTuneOptions(batch_size=2, **options)
    return Wish(str(model), data, folder / "out", chosen, device="cpu", answers=0)


def test_all_that_is_known_before_the_first_step_takes_one_decode_of_each_image(
    tiny_a, decoded, tmp_path
):
    prepared = prepare(wish_of(tmp_path, tiny_a, 6, validation=0.3))
    assert prepared.plan.samples == 4 and prepared.plan.held_out == 2
    assert set(decoded.values()) == {1} and len(decoded) == 6


def test_a_run_decodes_an_image_again_only_to_learn_from_it(tiny_a, decoded, tmp_path):
    for name in ("torch", "transformers", "accelerate", "peft"):
        pytest.importorskip(name)
    prepared = prepare(wish_of(tmp_path, tiny_a, 4, validation=0.0))
    told = []
    run(prepared, told.append, lambda what, done, total: None)
    assert len(told) == 2 and set(decoded.values()) == {2} and len(decoded) == 4

"""Training sees what inference sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.errors import BadOptions, BadPrompt, ImageNotFound
from smolvlm_tools.finetune.encoding import Encoder
from smolvlm_tools.finetune.survey import survey
from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.prompt.layout import RequestLayouter
from smolvlm_tools.prompt.request import Request
from smolvlm_tools.types import GenerationOptions
from smolvlm_tools.vision.tiles import make_tiles, normalise
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.lessons import asked, picture, sample, turn

CONVERSATIONS = {
    "no image": [turn("user", "Hello there.")],
    "one unsplit image": [turn("user", picture(30, 20), "What is it?")],
    "one split image": [turn("user", picture(90, 64), "What is it?")],
    "text before the image": [turn("user", "Look:", picture(60, 60))],
    "several images": [
        turn("user", picture(30, 30, 1), "and", picture(100, 40, 2), picture(20, 90, 3), "?")
    ],
    "a system turn": [turn("system", "Be brief."), turn("user", picture(30, 30), "What?")],
    "several turns": [
        turn("user", picture(64, 64), "What is it?"),
        turn("assistant", "A circle, 'red'."),
        turn("user", "And this?", picture(20, 20, 5)),
    ],
    "turns whose answers begin oddly": [
        turn("user", "1"),
        turn("assistant", "\n 12"),
        turn("user", "2"),
        turn("assistant", "...«ü»"),
        turn("user", "3"),
    ],
}
ANSWERS = ["A square.", " spaced", "12", "\nline", "'quoted'", "«ü»\n", "User: <image> no"]


@pytest.fixture(params=["a", "b"], scope="module")
def checkpoint(request, tmp_path_factory):
    return open_checkpoint(build_tiny_checkpoint(tmp_path_factory.mktemp("tiny"), request.param))


def lay_out(checkpoint, messages, resolution="auto"):
    layouter = RequestLayouter.open(checkpoint, ImagePolicy())
    return layouter.lay_out(Request(tuple(messages), GenerationOptions(), resolution))


@pytest.mark.parametrize("resolution", ["auto", "native", 1, 2])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompt_tokens_and_pixels_are_those_of_the_engines_request(checkpoint, name, resolution):
    messages = CONVERSATIONS[name]
    truth = lay_out(checkpoint, messages, resolution)
    example = Encoder(checkpoint, resolution).encode(
        sample(*messages, turn("assistant", "A square."))
    )
    prompt = truth.prompt.token_ids
    assert np.array_equal(example.token_ids[: len(prompt)], prompt)
    assert not example.is_answer[len(prompt) - 1] and example.is_answer[len(prompt) :].all()
    assert example.grids == truth.grids
    image = checkpoint.config.image
    tiles = [
        make_tiles(loaded.pixels, grid, image)
        for loaded, grid in zip(truth.images, truth.grids, strict=True)
    ]
    if tiles:
        assert np.array_equal(normalise(example.frames, image), np.concatenate(tiles))
    else:
        assert example.frames.shape == (0, 3, image.tile_size, image.tile_size)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_learned_answer_is_what_a_later_turn_of_the_engine_reads(checkpoint, answer):
    said = [*CONVERSATIONS["one split image"], turn("assistant", answer)]
    later = lay_out(checkpoint, [*said, turn("user", "Go on.")]).prompt.token_ids
    example = Encoder(checkpoint).encode(sample(*said))
    assert np.array_equal(example.token_ids, later[: len(example.token_ids)])


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_learned_is_the_answer_and_its_end(checkpoint, answer):
    example = Encoder(checkpoint).encode(asked("Why?", answer, picture(30, 30)))
    learned = example.token_ids[example.is_answer]
    tokenizer = checkpoint.tokenizer()
    assert tokenizer.id_to_token(learned[-1]) == "<end_of_utterance>"
    assert tokenizer.decode(learned[:-1].tolist(), skip_special_tokens=False) == f" {answer}"


def test_every_turn_of_the_assistants_is_learned_and_nothing_else(checkpoint):
    turns = [*CONVERSATIONS["several turns"], turn("assistant", "A square.")]
    example = Encoder(checkpoint).encode(sample(*turns))
    tokenizer = checkpoint.tokenizer()
    learned = tokenizer.decode(
        example.token_ids[example.is_answer].tolist(), skip_special_tokens=False
    )
    end = "<end_of_utterance>"
    assert learned == f" A circle, 'red'.{end} A square.{end}"


def test_the_loaded_engine_plans_as_many_tokens(embedded):
    engine = SmolVLM.load(embedded, precision="fp32")
    image = picture(300, 200)
    said = asked("What is it?", "A square.", image)
    example = Encoder(open_checkpoint(embedded)).encode(said)
    plan = engine.plan(image, question="What is it?")
    assert plan.image_tokens == len(example.frames) * example.grids[0].tokens_per_tile


def test_errors_name_the_samples_place(checkpoint):
    encoder = Encoder(checkpoint)
    with pytest.raises(ImageNotFound, match=r"^train\.jsonl:7: "):
        encoder.encode(asked("Why?", "So.", Path("/no/such.png"), place="train.jsonl:7"))
    with pytest.raises(BadPrompt, match=r"^a:1: .*end with the assistant"):
        encoder.measure(sample(turn("user", "Why?"), place="a:1"))
    with pytest.raises(BadPrompt, match=r"^a:2: .*shows an image"):
        encoder.measure(sample(turn("user", "?"), turn("assistant", picture(9, 9)), place="a:2"))


def long_samples(checkpoint):
    """One that fits, one that fits if it is cut coarser, one that does not fit at all."""
    image = checkpoint.config.image
    side = image.tile_size * image.max_side
    each = [picture(side, side, at) for at in range(20)]
    context = checkpoint.config.text.context_length
    return [
        asked("?", "So.", picture(20, 20), place="fits"),
        asked("?", "So.", *each, place="coarse"),
        asked("?", "12 " * context, place="never"),
    ]


def test_samples_beyond_the_context_are_left_out_and_named(checkpoint):
    encoder = Encoder(checkpoint)
    found = survey(long_samples(checkpoint), encoder, "skip")
    assert found.indices == (0,)
    assert [note.split()[0] for note in found.notes] == ["coarse", "never"]


def test_or_cut_coarser_where_that_is_enough(checkpoint):
    encoder = Encoder(checkpoint)
    samples = long_samples(checkpoint)
    found = survey(samples, encoder, "coarser")
    assert found.indices == (0, 1)
    assert found.extents[0].max_side is None
    side = found.extents[1].max_side
    assert side is not None and side < checkpoint.config.image.max_side
    example = encoder.encode(samples[1], side)
    assert len(example.token_ids) == found.extents[1].tokens <= encoder.context_length
    assert len(example.frames) == found.extents[1].tiles
    assert any("coarse is cut to" in note for note in found.notes)


def test_or_end_the_run_with_their_place(checkpoint):
    with pytest.raises(BadOptions, match="coarse has"):
        survey(long_samples(checkpoint), Encoder(checkpoint), "error")

"""Guesses are read together with what was said: fewer steps, and not another word."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from tests.support.own_texts import DIGITAL, give_layers
from tests.support.paths import RECEIPT, SHAPES
from tests.support.pdf_pages import lines, page
from tests.support.requests import asking

SAID = "a red circle, a blue square and a green triangle"
COPYING = [
    asking(SHAPES, "Describe the image."),
    asking(SHAPES, f"Is it {SAID}?"),
    [*asking(SHAPES, "What is it?"), {"role": "assistant", "content": SAID}, *asking("Again!")],
    asking(RECEIPT, "What does it say?"),
    asking("the sum of the sum of the sum of"),
]
OPTIONS = [
    {"ignore_eos": True, "repetition_guard": False, "max_new_tokens": 60},
    {"max_new_tokens": 24, "ignore_eos": True},
    {"max_new_tokens": 5},
    {"answer": list[str], "max_new_tokens": 30},
    {"answer": {"type": "array", "items": {"enum": ["red", "blue"]}}, "max_new_tokens": 40},
]


class Counting:
    """Counts what a backend is asked."""

    def __init__(self, vlm: SmolVLM) -> None:
        backend = vlm._pipeline.backend
        self._verify, self._step = backend.verify, backend.step
        self.read: list[int] = []
        self.steps = 0
        backend.verify, backend.step = self.verify, self.step

    def verify(self, token_ids, cache):
        self.read.append(len(token_ids))
        return self._verify(token_ids, cache)

    def step(self, token_ids, caches):
        self.steps += 1
        return self._step(token_ids, caches)


def spoken(result):
    return result.text, [token.id for token in result.tokens], result.finish_reason


@pytest.mark.parametrize("cache", [True, False])
def test_not_another_token_and_fewer_steps(load, cache):
    with load(cache=cache) as vlm, load(cache=cache) as plain:
        plain._pipeline.backend.most_guesses = 0
        count, without = Counting(vlm), Counting(plain)
        for messages in COPYING:
            for options in OPTIONS:
                found = vlm.generate(messages, logprobs=True, **options)
                expected = plain.generate(messages, logprobs=True, **options)
                assert spoken(found) == spoken(expected)
                assert [t.logprob for t in found.tokens] == pytest.approx(
                    [t.logprob for t in expected.tokens], abs=1e-3
                )
    assert not without.read and max(count.read) == 8
    assert count.steps + len(count.read) < 0.9 * without.steps


def test_sampled_replies_go_step_by_step_and_those_in_company_say_the_same(load):
    alone = {"ignore_eos": True, "repetition_guard": False, "max_new_tokens": 30}
    with load() as vlm:
        count = Counting(vlm)
        vlm.generate(COPYING[0], temperature=0.7, seed=1, **alone)
        assert not count.read

        async def both():
            return await asyncio.gather(*(vlm.agenerate(COPYING[0], **alone) for _ in range(2)))

        together = asyncio.run(both())
        assert [r.text for r in together] == [vlm.generate(COPYING[0], **alone).text] * 2


class Guessing(FakeBackend):
    """Reads ahead, and keeps account of its cache.

    Attributes:
        ties: whether the likeliest token is no likelier than another.
    """

    most_guesses = 7
    ties = False

    def verify(self, token_ids, cache):
        self.read += len(token_ids)
        rows = super().verify(token_ids, cache)
        if self.ties:
            rows[:, 3] = rows.max(axis=1)
        return rows

    def step(self, token_ids, caches):
        self.steps += 1
        return super().step(token_ids, caches)

    def __init__(self, config, script):
        super().__init__(config, script)
        self.read = self.steps = 0


def test_the_text_layer_is_the_draft_of_a_transcription(tiny_a, monkeypatch, tmp_path):
    text = "Of two cities the older lies by the river and the younger on the hill above it."
    give_layers(monkeypatch, type(DIGITAL)(text, "digital"))
    path = tmp_path / "page.pdf"
    path.write_bytes(page(lines("x")))
    checkpoint = open_checkpoint(tiny_a)
    backend = Guessing.saying(checkpoint, f" {text}")
    with SmolVLM(checkpoint, backend) as vlm:
        assert vlm.transcribe(str(path), text="model").text.strip() == text
    tokens = len(backend._script)
    assert backend.steps < tokens / 4 and backend.read < 1.2 * tokens


def test_a_choice_that_is_as_close_as_rounding_is_made_by_a_step(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    backend = Guessing.saying(checkpoint, " one two three one two three one two three one two")
    backend.ties = True
    with SmolVLM(checkpoint, backend) as vlm:
        result = vlm.generate([{"role": "user", "content": "count"}], repetition_guard=False)
    assert result.text == "one two three one two three one two three one two"
    assert backend.read and backend.steps >= result.usage.completion_tokens - 1


def test_wrong_guesses_leave_nothing_behind(load):
    turns = [*asking(f"one two three four {SAID} one two three")]
    with load() as vlm, load(cache=False) as fresh:
        for _ in range(3):
            reply = vlm.generate(turns, max_new_tokens=9)
            turns += [{"role": "assistant", "content": reply.text}, *asking(f"{SAID} one two")]
            assert vlm.generate(turns, max_new_tokens=9).text == (
                fresh.generate(turns, max_new_tokens=9).text
            )


@pytest.mark.parametrize("length", [1, 2, 8, 40])
def test_verify_gives_what_single_steps_give(load, length):
    with load() as vlm:
        backend = vlm._pipeline.backend
        ids = np.random.default_rng(length).integers(5, 90, 3 + length)
        one, several = (backend.create_cache(64) for _ in range(2))
        backend.forward(ids[:3], one)
        backend.forward(ids[:3], several)
        rows = backend.verify(ids[3:], several)
        steps = [backend.step(ids[n : n + 1], [one])[0] for n in range(3, 3 + length)]
        np.testing.assert_allclose(rows, np.stack(steps), atol=2e-4)
        assert several.length == one.length == 3 + length
        backend.release_cache(one)
        backend.release_cache(several)

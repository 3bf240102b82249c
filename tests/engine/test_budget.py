"""A loaded model keeps to its budget: it measures, waits, cuts coarser, refuses, and recovers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import (
    CacheLimits,
    OutOfMemoryBudget,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.backends.no_footprint import NoFootprint
from smolvlm_tools.engine import loading
from smolvlm_tools.prompt.chat import encode_text
from tests.support.gated import GatedBackend
from tests.support.looping import LoopingBackend
from tests.support.memory import MB, looking_at, picture
from tests.support.requests import HELLO


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_every_result_states_what_was_predicted_and_what_was_measured(embedded, backend):
    with SmolVLM.load(embedded, backend=backend) as vlm:
        usage = vlm.describe(picture(), max_new_tokens=40).usage
        planned = vlm.plan(picture())
    assert isinstance(usage.predicted_bytes, int) and isinstance(usage.peak_bytes, int)
    assert usage.peak_bytes > 40 * MB
    assert isinstance(planned.predicted_bytes, int)


# A budget, kept on a real model


def test_a_budget_that_is_too_small_fails_before_anything_is_loaded(embedded, monkeypatch):
    monkeypatch.setattr(loading, "load_backend", lambda *_: pytest.fail("weights were loaded"))
    with pytest.raises(OutOfMemoryBudget, match="smallest"):
        SmolVLM.load(embedded, memory_budget="1MB")


def test_the_figure_it_names_works(embedded):
    with pytest.raises(OutOfMemoryBudget) as caught:
        SmolVLM.load(embedded, memory_budget="1MB")
    with SmolVLM.load(embedded, memory_budget=caught.value.needed_bytes) as vlm:
        result = vlm.describe(picture(), max_new_tokens=4)
        assert result.usage.peak_bytes <= vlm.load_plan.budget_bytes


# A budget, with parts of known size


class Costs(NoFootprint):
    """Keys and values of 10 kB a token, a micro-batch of 10 MB, features of 1 MB a tile."""

    def vision(self, tiles: int) -> int:
        return 10 * MB

    def features(self, tiles: int) -> int:
        return tiles * MB

    def kv(self, tokens: int) -> int:
        return tokens * 10_000


class Still:
    """A meter of a process whose memory does not change."""

    def now(self) -> int:
        return 0

    def start(self) -> SimpleNamespace:
        return SimpleNamespace(end=lambda: 0)


@pytest.fixture
def checkpoint(tiny_a):
    return open_checkpoint(tiny_a)


@pytest.fixture
def load(checkpoint, monkeypatch):
    """An engine over a backend, with `room` bytes for its requests."""
    monkeypatch.setattr(loading, "footprint_of", lambda setup: Costs())
    monkeypatch.setattr(loading, "meter_of", lambda backend: Still())
    real = loading.guard_for

    def load(room: int, backend: FakeBackend | None = None, **options) -> SmolVLM:
        def guard(*arguments):
            found = real(*arguments)
            return type(found)(
                found.footprint, found.meter, 0, found.limits, found.tiles_per_batch, room
            )

        monkeypatch.setattr("smolvlm_tools.engine.smolvlm.guard_for", guard)
        backend = backend or FakeBackend.saying(checkpoint, " a red circle")
        return SmolVLM(checkpoint, backend, **options)

    return load


def test_what_cannot_fit_is_refused_before_it_runs_and_the_next_request_succeeds(load):
    with load(5 * MB) as vlm:
        with pytest.raises(OutOfMemoryBudget, match=r"budget is 5 MB.*max_new_tokens") as caught:
            vlm.generate(HELLO, max_new_tokens=600)
        assert caught.value.needed_bytes > 6 * MB
        assert vlm.generate(HELLO, max_new_tokens=50).text == "a red circle"


def test_images_are_cut_coarser_under_auto_and_the_result_says_so(load):
    options = {"max_new_tokens": 40}
    with load(10**9) as vlm:
        full = vlm.generate(looking_at(picture(128)), **options)
    assert full.usage.tiles == 17
    assert full.flags == ()
    with load(22 * MB) as vlm:
        coarse = vlm.generate(looking_at(picture(128)), **options)
        assert 1 <= coarse.usage.tiles < 17
        assert "reduced_resolution" in coarse.flags
        small = vlm.generate(looking_at(picture(20)), **options)
        assert small.flags == (), "what is small anyway is not cut coarser"
        with pytest.raises(OutOfMemoryBudget):
            vlm.generate(looking_at(picture(128)), resolution="native", **options)


@pytest.mark.parametrize(
    ("room", "side", "flags", "tiles"),
    [
        (10**9, 20, ("recovered",), [1, 5]),
        (14 * MB, 20, ("repetition",), [1]),
        (14 * MB, 128, ("repetition", "reduced_resolution"), [1]),
        (22 * MB, 128, ("recovered", "reduced_resolution"), None),
    ],
    ids=["room", "no room", "cut coarser before", "coarser yet"],
)
def test_a_reply_that_loops_is_continued_as_far_as_the_budget_goes(
    load, checkpoint, room, side, flags, tiles
):
    """With one tile more the micro-batch takes 1 MB more; finer than one tile is five."""
    phrase = encode_text(checkpoint.tokenizer(), " and a cat")
    scripted = FakeBackend.saying(checkpoint, " a red circle")
    first = iter([True])
    backend = LoopingBackend(scripted, checkpoint.config.image.tokens_per_tile, (), 2, phrase)
    backend.on_image = lambda count: setattr(backend, "tiles", {count} if next(first, 0) else ())
    with load(room, backend, cache=False) as vlm:
        result = vlm.generate(looking_at(picture(side)), max_new_tokens=60)
        assert sorted(result.flags) == sorted(flags)
        assert tiles is None or backend.seen == tiles
        assert len(backend.seen) == 1 + ("recovered" in flags)
        assert backend.seen == sorted(backend.seen, reverse=side == 128)


def test_the_caches_are_given_up_before_the_resolution(load):
    limits = CacheLimits(vision_bytes=20 * MB, kv_bytes=0)
    with load(45 * MB, cache=limits) as vlm:
        first = vlm.generate(looking_at(picture(128)), max_new_tokens=40)
        kept = vlm._pipeline.caches
        kept.features.nbytes += 19 * MB  # as if the features were as large as they are said to be
        second = vlm.generate(looking_at(picture(128, seed=1)), max_new_tokens=40)
        assert first.flags == second.flags == ()
        again = vlm.generate(looking_at(picture(128)), max_new_tokens=40)
        assert again.usage.cached_tiles == 0, "the first image's features had to go"


def test_an_image_that_is_too_large_to_decode_is_refused_unread(checkpoint, embedded, tmp_path):
    path = tmp_path / "large.png"
    Image.new("L", (6000, 6000)).save(path)
    needed = loading.plan_model(embedded).predicted_bytes
    with SmolVLM.load(embedded, memory_budget=needed + 40 * MB) as vlm:
        with pytest.raises(OutOfMemoryBudget, match="6000x6000 pixels"):
            vlm.describe(path)
        assert vlm.describe(picture(), max_new_tokens=2).usage.tiles


class Held(GatedBackend):
    """Counts the sequences that are alive."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.alive = self.most = 0

    def create_cache(self, capacity):
        self.alive += 1
        self.most = max(self.most, self.alive)
        return super().create_cache(capacity)

    def release_cache(self, cache):
        self.alive -= 1


def test_requests_wait_for_room_instead_of_being_refused(load, checkpoint):
    held = Held.saying(checkpoint, " a red circle")
    with load(9 * MB, held, cache=False) as vlm:
        replies = [vlm.stream(HELLO, max_new_tokens=300) for _ in range(5)]
        held.open()
        assert {reply.result().text for reply in replies} == {"a red circle"}
    assert held.most == 2, "two fit beside each other, never three"


# Many questions on one look


QUESTIONS = {name: f"What is at {name}?" for name in "abcd"}
LONG = {"context": "so it is " * 200, "max_new_tokens": 1500}
"""Keys and values of the prompt take more than the features that are gone when they are kept."""
NOTHING_KEPT = {"cache": False, "batch_size": 1}


class Weighty(FakeBackend):
    """Its keys and values take what `Costs` says."""

    def read_cache(self, cache, start, stop):
        return np.zeros((2, 1, stop - start, 1250), np.float32)


@pytest.fixture
def weighty(checkpoint):
    return Weighty.saying(checkpoint, " a red circle")


def room_for_one(load) -> tuple[int, int]:
    """What the longest question takes at its peak, and keys and values of its prompt."""
    with load(10**9, **NOTHING_KEPT) as vlm:
        used = [vlm.ask(picture(20), asked, **LONG).usage for asked in QUESTIONS.values()]
    longest = max(used, key=lambda usage: usage.prompt_tokens)
    return longest.predicted_bytes, Costs().kv(longest.prompt_tokens)


def test_a_look_is_kept_where_there_is_room_for_it(load, weighty):
    one, look = room_for_one(load)
    with load(one + 2 * look, weighty, **NOTHING_KEPT) as vlm:
        results = vlm.ask_many(picture(20), QUESTIONS, **LONG)
        predicted = [result.usage.predicted_bytes for result in results.values()]
    assert all(result.usage.cached_tokens for result in list(results.values())[1:])
    assert all(one < bytes_ <= one + 2 * look for bytes_ in predicted)


def test_without_room_for_a_look_each_question_reads_for_itself(load):
    one, _ = room_for_one(load)
    with load(one, **NOTHING_KEPT) as vlm:
        results = vlm.ask_many(picture(20), QUESTIONS, **LONG)
    for result in results.values():
        assert (result.text, result.flags) == ("a red circle", ())
        assert result.usage.cached_tokens == 0
        assert result.usage.predicted_bytes <= one


def test_a_look_makes_way_for_another_request(load, weighty):
    one, look = room_for_one(load)

    async def main(vlm):
        asked = vlm.aask_many(picture(20), QUESTIONS, **LONG)
        other = vlm.aask(picture(20, seed=1), "What is at a?", **LONG)
        return await asyncio.gather(asked, other)

    with load(one + look // 2, weighty, cache=False, batch_size=1, max_queue=1) as vlm:
        results, other = asyncio.run(main(vlm))
    assert [result.text for result in (other, *results.values())] == ["a red circle"] * 5
    assert all(result.flags == () for result in results.values())
    read_again = [result.usage.cached_tokens == 0 for result in results.values()]
    assert sum(read_again) > 1, "the look had to go"


def test_all_questions_see_images_cut_as_coarsely(load):
    with load(22 * MB, **NOTHING_KEPT) as vlm:
        results = vlm.ask_many(picture(128), QUESTIONS, max_new_tokens=40)
    assert len({result.usage.tiles for result in results.values()}) == 1
    for number, result in enumerate(results.values()):
        assert result.flags == ("reduced_resolution",)
        assert result.usage.cached_tiles == (result.usage.tiles if number else 0)

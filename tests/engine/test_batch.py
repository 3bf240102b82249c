"""Requests that come together are decoded together and do not notice."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from smolvlm_tools import BadOptions, Cancelled, ModelError, SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from tests.support.gated import GatedBackend
from tests.support.requests import CONVERSATIONS, asking

OPTIONS = [
    {},
    {"temperature": 0.9, "seed": 3, "ignore_eos": True},
    {"stop": "e"},
    {"max_new_tokens": 1},
    {"temperature": 0.7, "top_p": 0.8, "seed": 4, "max_new_tokens": 7},
    {"repetition_guard": False, "ignore_eos": True},
    {},
    {"top_k": 3, "temperature": 1.3, "seed": 5},
    {"ignore_eos": True},
]
COMMON = {"max_new_tokens": 20, "logprobs": True}


@pytest.fixture(scope="module")
def alone(load):
    """Each conversation answered alone, nothing kept: text and tokens."""
    with load(cache=False) as vlm:
        return [
            spoken(vlm.generate(messages, **{**COMMON, **options}))
            for messages, options in zip(CONVERSATIONS, OPTIONS, strict=True)
        ]


def spoken(result) -> tuple[str, tuple[int, ...], str]:
    return result.text, tuple(token.id for token in result.tokens), result.finish_reason


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
@pytest.mark.parametrize("cache", [True, False])
def test_a_batch_says_what_each_would_say_alone_in_any_order(load, alone, batch_size, cache):
    order = list(range(len(CONVERSATIONS))) * 2
    random.Random(batch_size).shuffle(order)
    with load(batch_size=batch_size, cache=cache, max_queue=4) as vlm:
        results = vlm.batch(
            [CONVERSATIONS[i] for i in order], each=[OPTIONS[i] for i in order], **COMMON
        )
    assert [spoken(result) for result in results] == [alone[i] for i in order]


def test_neighbours_that_leave_early_do_not_disturb_the_others(load, alone):
    with load(cache=False) as vlm:
        for seed in range(5):
            chance = random.Random(seed)
            streams = [
                vlm.stream(messages, **{**COMMON, **options})
                for messages, options in zip(CONVERSATIONS, OPTIONS, strict=True)
            ]
            leaving = chance.sample(range(len(streams)), 4)
            for number in leaving:
                for _ in range(chance.randrange(3)):
                    next(streams[number], None)
                streams[number].close()
            for number, stream in enumerate(streams):
                if number not in leaving:
                    assert spoken(stream.result()) == alone[number]


def test_replies_stream_side_by_side(load):
    with load() as vlm:
        streams = [
            vlm.stream(asking(f"say {number}"), max_new_tokens=30, ignore_eos=True)
            for number in range(4)
        ]
        for _ in range(3):
            for stream in streams:
                assert next(stream).result is None
        for stream in streams:
            stream.close()


def test_abatch_is_batch_for_an_event_loop(load, alone):
    async def main(vlm):
        return await vlm.abatch(CONVERSATIONS, each=OPTIONS, **COMMON)

    with load() as vlm:
        results = asyncio.run(main(vlm))
    assert [spoken(result) for result in results] == alone


# The scheduler, with a backend that the test watches


class Watched(FakeBackend):
    """Notes how many sequences share each step; fails where it is told to."""

    def __init__(self, config, script):
        super().__init__(config, script)
        self.shared: list[int] = []
        self.released = 0
        self.poisoned: set[int] = set()

    def step(self, token_ids, caches):
        self.shared.append(len(caches))
        if self.poisoned & {cache.capacity for cache in caches}:
            raise ModelError("this one fails", "Ask another.")
        return super().step(token_ids, caches)

    def release_cache(self, cache):
        self.released += 1


@pytest.fixture
def watched(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    backend = Watched(checkpoint.config, [5, 6, 7, 8])
    with SmolVLM(checkpoint, backend, batch_size=4, max_queue=100) as vlm:
        yield vlm, backend


def test_no_step_is_shared_by_more_than_the_batch_size(watched):
    vlm, backend = watched
    vlm.batch([asking("hello")] * 30, max_new_tokens=20, repetition_guard=False)
    assert max(backend.shared) == 4
    assert sum(backend.shared) == 30 * 19
    assert backend.released == 30


def test_a_failing_sequence_does_not_take_its_neighbours_along(watched):
    vlm, backend = watched
    probe = vlm.generate(asking("hello"), max_new_tokens=3)
    backend.poisoned = {probe.usage.prompt_tokens + 13}
    each = [{"max_new_tokens": n} for n in (12, 13, 14)]
    results = vlm.batch(
        [asking("hello")] * 3, each=each, return_exceptions=True, repetition_guard=False
    )
    assert [getattr(result, "finish_reason", None) for result in results] == [
        "length",
        None,
        "length",
    ]
    assert isinstance(results[1], ModelError)
    assert backend.released == 4


def test_the_first_failure_ends_a_batch_and_stops_the_rest(watched):
    vlm, backend = watched
    probe = vlm.generate(asking("hello"), max_new_tokens=3)
    backend.poisoned = {probe.usage.prompt_tokens + 13}
    with pytest.raises(ModelError):
        vlm.batch(
            [asking("hello")] * 20,
            each=[{"max_new_tokens": 13 if n == 2 else 1000} for n in range(20)],
            repetition_guard=False,
            ignore_eos=True,
        )
    assert vlm.generate(asking("hello"), max_new_tokens=2).usage.completion_tokens == 2


def test_options_for_another_number_of_conversations_are_refused(watched):
    with pytest.raises(BadOptions, match="2 sets of options for 1"):
        watched[0].batch([asking("hello")], each=[{}, {}])


def test_an_empty_batch_is_no_work(watched):
    assert watched[0].batch([]) == []


def test_places_of_cancelled_requests_in_a_full_queue_are_free_at_once(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    backend = GatedBackend(checkpoint.config)
    with SmolVLM(checkpoint, backend, batch_size=1, max_queue=1) as vlm:
        running = vlm.stream(asking("hello"), max_new_tokens=1)
        while vlm._worker._waiting:  # until the thread has taken it
            pass
        waiting = vlm.stream(asking("hello"), max_new_tokens=1)
        waiting.close()
        backend.gate.release(10)
        after = vlm.stream(asking("hello"), max_new_tokens=1)
        assert running.result().usage.completion_tokens == 1
        assert after.result().usage.completion_tokens == 1
        with pytest.raises(Cancelled):
            waiting.result()


def test_a_row_of_logits_belongs_to_its_sequence(tiny_a):
    checkpoint = open_checkpoint(tiny_a)

    class Counting(FakeBackend):
        """Says how often its sequence was asked."""

        def forward(self, token_ids, cache, features=()):
            super().forward(token_ids, cache, features)
            logits = np.zeros(self._config.text.vocab_size, np.float32)
            logits[10 + cache.length - cache.prompt] = 9
            return logits

    backend = Counting(checkpoint.config, [5])
    with SmolVLM(checkpoint, backend, cache=False) as vlm:
        lengths = [3, 9, 1, 5, 7, 2, 8, 4, 6]
        results = vlm.batch(
            [asking("hello")] * len(lengths),
            each=[{"max_new_tokens": length} for length in lengths],
            logprobs=True,
            ignore_eos=True,
        )
    for result, length in zip(results, lengths, strict=True):
        assert [token.id for token in result.tokens] == list(range(10, 10 + length))

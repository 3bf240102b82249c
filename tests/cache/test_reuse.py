"""Later requests do not pay again for what earlier ones have read, and get the same replies."""

from __future__ import annotations

import random

import pytest

from smolvlm_tools import CacheLimits, Cancelled, SmolVLM, Usage, open_checkpoint
from tests.support.paths import RECEIPT, SHAPES
from tests.support.requests import CONVERSATIONS, Countdown, asking


def said(vlm: SmolVLM, messages: list, **options) -> tuple[list[int], Usage]:
    result = vlm.generate(messages, max_new_tokens=12, logprobs=True, **options)
    return [token.id for token in result.tokens or ()], result.usage


@pytest.fixture(scope="module")
def fresh(load):
    """What is said to each conversation when nothing is kept."""
    with load(cache=False) as vlm:
        replies = [said(vlm, messages) for messages in CONVERSATIONS]
    assert all(usage.cached_tokens == usage.cached_tiles == 0 for _, usage in replies)
    return [tokens for tokens, _ in replies]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "limits",
    [
        CacheLimits(),
        CacheLimits(kv_bytes=0),
        CacheLimits(vision_bytes=0),
        CacheLimits(vision_bytes=700_000, kv_bytes=1_500_000),
    ],
    ids=["both", "features only", "prefixes only", "crowded"],
)
def test_replies_are_the_same_with_and_without_caches_in_any_order(load, fresh, limits, seed):
    order = list(range(len(CONVERSATIONS))) * 2
    random.Random(seed).shuffle(order)
    with load(cache=limits) as vlm:
        for number in order:
            assert said(vlm, CONVERSATIONS[number])[0] == fresh[number]


def test_a_second_question_pays_for_its_own_words_whatever_came_between(load, embedded):
    with load() as vlm:
        first = said(vlm, asking(SHAPES, "What color is the circle?"))[1]
        assert first.cached_tokens == first.cached_tiles == 0
        said(vlm, asking(RECEIPT, "What does it say?"))
        said(vlm, asking("hello"))
        second = said(vlm, asking(SHAPES, "How many shapes are there?"))[1]
        ends = "How many shapes are there?<end_of_utterance>\nAssistant:"
        own = len(open_checkpoint(embedded).tokenizer().encode(ends).ids)
        assert second.cached_tiles == second.tiles == first.tiles
        assert second.prompt_tokens - second.cached_tokens <= own


def test_the_same_request_again_reads_one_token(load):
    with load() as vlm:
        said(vlm, CONVERSATIONS[0])
        again = said(vlm, CONVERSATIONS[0])[1]
    assert again.cached_tokens == again.prompt_tokens - 1


def test_a_question_before_the_image_reuses_its_features(load):
    with load() as vlm:
        said(vlm, asking("What is this? ", SHAPES))
        again = said(vlm, asking("How many are there? ", SHAPES))[1]
    assert again.cached_tiles == again.tiles
    assert again.cached_tokens < again.prompt_tokens - again.image_tokens


def test_another_resolution_of_an_image_is_another_image(load):
    with load() as vlm:
        said(vlm, asking(SHAPES, "What is this?"), resolution=1)
        other = said(vlm, asking(SHAPES, "What is this?"), resolution=2)[1]
    assert other.cached_tiles == 0


def test_a_follow_up_turn_reuses_the_reply_itself(load):
    question = asking(SHAPES, "What color is the circle?")
    with load() as vlm:
        first = vlm.generate(question)
        turns = [*question, {"role": "assistant", "content": first.text}, *asking("Sure?")]
        follow_up = said(vlm, turns)[1]
    assert follow_up.cached_tokens > first.usage.prompt_tokens


def test_caches_that_are_off_hold_nothing(load):
    with load(cache=False) as vlm:
        for _ in range(2):
            usage = said(vlm, CONVERSATIONS[0])[1]
            assert usage.cached_tokens == usage.cached_tiles == 0


def test_cancelling_at_any_moment_leaves_caches_valid(load, fresh):
    with load(cache=CacheLimits(vision_bytes=700_000, kv_bytes=1_500_000)) as vlm:
        for moment in range(40):
            number = moment % len(CONVERSATIONS)
            cancel = Countdown(moment // 2)
            try:
                vlm.generate(CONVERSATIONS[number], max_new_tokens=12, cancel=cancel)
            except Cancelled:
                pass
            assert said(vlm, CONVERSATIONS[number])[0] == fresh[number]

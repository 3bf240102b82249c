from __future__ import annotations

import math
import random

import numpy as np
import pytest

from smolvlm_tools import GenerationOptions, ModelInvalid, open_checkpoint
from smolvlm_tools.decoding.repetition import (
    LEAST_REPEATS,
    LEAST_TOKENS,
    LONGEST_PERIOD,
    RepetitionGuard,
    loop_start,
)
from smolvlm_tools.decoding.sampling import Sampler
from smolvlm_tools.decoding.text_stream import TextStream
from smolvlm_tools.prompt.chat import encode_text

# Sampling

LOGITS = np.log(np.array([0.1, 0.4, 0.3, 0.15, 0.05], dtype=np.float32))


def picks(count: int = 4000, logits=LOGITS, **options) -> np.ndarray:
    """How often each token was picked, as a fraction."""
    sampler = Sampler(GenerationOptions(temperature=1.0, seed=7, **options))
    found = np.bincount([sampler.pick(logits)[0] for _ in range(count)], minlength=len(logits))
    return found / count


def test_greedy_takes_the_likeliest_and_the_first_of_equals():
    sampler = Sampler(GenerationOptions())
    assert sampler.pick(LOGITS)[0] == 1
    assert sampler.pick(np.array([0, 2, 2, 1], np.float32))[0] == 1


@pytest.mark.parametrize("shift", [-1000.0, 0.0, 1000.0])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 5.0])
def test_the_log_probability_is_that_of_the_unmodified_distribution(shift, temperature):
    sampler = Sampler(GenerationOptions(temperature=temperature, seed=1, top_k=2))
    token, logprob = sampler.pick(LOGITS + np.float32(shift))
    assert logprob == pytest.approx(float(LOGITS[token]), abs=1e-4)


def test_samples_follow_the_distribution():
    np.testing.assert_allclose(picks(), np.exp(LOGITS), atol=0.03)


def test_temperature_sharpens_and_flattens():
    cold = np.exp(LOGITS / 0.5) / np.exp(LOGITS / 0.5).sum()
    sampler = Sampler(GenerationOptions(temperature=0.5, seed=3))
    found = np.bincount([sampler.pick(LOGITS)[0] for _ in range(4000)], minlength=5) / 4000
    np.testing.assert_allclose(found, cold, atol=0.03)
    hot = Sampler(GenerationOptions(temperature=100.0, seed=3))
    found = np.bincount([hot.pick(LOGITS)[0] for _ in range(4000)], minlength=5) / 4000
    np.testing.assert_allclose(found, 0.2, atol=0.03)


def test_top_k_keeps_the_k_likeliest():
    np.testing.assert_allclose(picks(top_k=2), [0, 4 / 7, 3 / 7, 0, 0], atol=0.03)
    np.testing.assert_allclose(picks(top_k=99), np.exp(LOGITS), atol=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it():
    np.testing.assert_allclose(picks(top_p=0.6), [0, 4 / 7, 3 / 7, 0, 0], atol=0.03)
    np.testing.assert_allclose(picks(top_p=0.3), [0, 1, 0, 0, 0], atol=0)
    np.testing.assert_allclose(picks(top_p=1.0), np.exp(LOGITS), atol=0.03)


def test_top_p_counts_within_top_k():
    np.testing.assert_allclose(picks(top_k=2, top_p=0.5), [0, 1, 0, 0, 0], atol=0)


def test_forbidden_tokens_are_never_drawn():
    logits = np.where(np.arange(5) == 3, LOGITS, -np.inf).astype(np.float32)
    assert picks(50, logits).tolist() == [0, 0, 0, 1, 0]
    assert Sampler(GenerationOptions()).pick(logits) == (3, pytest.approx(0.0))


def test_a_seed_repeats_and_none_does_not():
    def draw(seed):
        sampler = Sampler(GenerationOptions(temperature=1.0, seed=seed))
        return [sampler.pick(LOGITS)[0] for _ in range(100)]

    assert draw(5) == draw(5) != draw(6)
    assert draw(None) != draw(None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_a_fault_of_the_model(bad, temperature):
    sampler = Sampler(GenerationOptions(temperature=temperature, seed=1))
    with pytest.raises(ModelInvalid, match="not numbers"):
        sampler.pick(np.full(5, bad, np.float32))
    with pytest.raises(ModelInvalid, match="not numbers"):
        sampler.pick(np.where(np.arange(5) == 2, np.float32(math.nan), LOGITS))


# Text


@pytest.fixture(scope="module")
def tokenizer(tiny_a):
    return open_checkpoint(tiny_a).tokenizer()


def pieces(tokenizer, text: str, stop=()) -> list[str]:
    stream = TextStream(tokenizer, stop)
    found = [stream.push(token) for token in encode_text(tokenizer, text)]
    return [*found, stream.finish()]


TEXTS = [
    "a red circle",
    "Grüße — 12 µm",
    "字と絵 😀👩‍👧 ok",
    "one\n  two\n\nthree",
    "",
    "x",
    "$5.00 (5%)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_join_to_the_text(tokenizer, text):
    assert "".join(pieces(tokenizer, text)) == text


@pytest.mark.parametrize("text", ["  a b", "a b \n\n ", "\n a b\t", "   ", "\n"])
def test_white_space_around_the_reply_is_left_out(tokenizer, text):
    assert "".join(pieces(tokenizer, text)) == text.strip()


def test_half_a_character_is_held_back(tokenizer):
    found = pieces(tokenizer, "😀!")
    assert len(found) > 3 and found.count("") >= 3
    assert "\ufffd" not in "".join(found)


def test_a_character_that_never_completes_is_shown_as_such(tokenizer):
    stream = TextStream(tokenizer)
    first = encode_text(tokenizer, "😀")[0]
    assert stream.push(first) == ""
    assert stream.finish() == "\ufffd"


def test_special_tokens_are_no_text(tokenizer):
    stream = TextStream(tokenizer)
    special = [tokenizer.token_to_id(name) for name in ("<image>", "<end_of_utterance>")]
    ids = [special[0], *encode_text(tokenizer, "hi"), *special]
    assert "".join(map(stream.push, ids)) + stream.finish() == "hi"


@pytest.mark.parametrize(
    ("text", "stop", "kept"),
    [
        ("one two three", ["two"], "one"),
        ("one two three", ["three", "two"], "one"),
        ("one two three", ["e two t"], "on"),
        ("ababac", ["abac"], "ab"),
        ("one\n\nUser: no", ["\n\nUser:"], "one"),
        ("stop", ["stop"], ""),
        ("aab", ["aaa", "ab"], "a"),
        ("für 😀 und", ["😀"], "für"),
    ],
)
def test_a_stop_text_cuts_wherever_tokens_end(tokenizer, text, stop, kept):
    stream = TextStream(tokenizer, stop)
    said = ""
    for token in encode_text(tokenizer, text):
        said += stream.push(token)
        if stream.stopped:
            break
    assert stream.stopped
    assert said + stream.finish() == kept


def test_any_text_and_stop_agree_with_plain_string_search(tokenizer):
    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choices("ab é\n", k=rng.randint(0, 25)))
        stop = ["".join(rng.choices("ab é", k=rng.randint(1, 4))) for _ in range(rng.randint(0, 2))]
        ends = [at for at in (text.find(s) for s in stop) if at >= 0]
        joined = "".join(pieces(tokenizer, text, stop))
        if not ends:
            assert joined == text.strip(), (text, stop)
        else:  # a shorter stop text may complete before a longer one that begins earlier
            assert any(joined == text[:at].strip() for at in ends), (text, stop)


def test_control_characters_are_left_out_and_line_breaks_stay(tokenizer):
    assert "".join(pieces(tokenizer, "a\x1b[1mb\r\nc\td\u202ee\x7f")) == "a[1mb\nc\tde"


# Repetition


def loop_length(period: int) -> int | None:
    """Tokens of a loop of `period` different tokens until the guard speaks."""
    guard = RepetitionGuard()
    for position in range(4000):
        if guard.loops_with(position % period):
            return position + 1
    return None


@pytest.mark.parametrize("period", [1, 2, 3, 7, 12, 13, 40, LONGEST_PERIOD])
def test_a_loop_is_noticed_after_enough_tokens_and_repeats(period):
    assert loop_length(period) == max(period * LEAST_REPEATS, LEAST_TOKENS)


def test_a_phrase_longer_than_the_longest_is_not_noticed():
    assert loop_length(LONGEST_PERIOD + 1) is None


def test_a_loop_is_noticed_wherever_it_begins():
    guard = RepetitionGuard()
    rng = random.Random(1)
    assert not any(guard.loops_with(rng.randrange(300)) for _ in range(500))
    assert any(guard.loops_with(token) for token in [1, 2, 3] * 30)


@pytest.mark.parametrize("period", [1, 5, LONGEST_PERIOD])
@pytest.mark.parametrize("before", [0, 1, 70])
def test_a_loop_starts_where_its_phrase_is_said_first(before, period):
    said = [1000 + at for at in range(before)]
    loop = [at % period for at in range(max(period * LEAST_REPEATS, LEAST_TOKENS))]
    assert loop_start([*said, *loop]) == before
    assert loop_start([*said, *loop[:-1]]) == before + len(loop) - 1, "no loop yet"


@pytest.mark.parametrize(
    "tokens",
    [
        [token for row in range(200) for token in (1, 2, row, 3)],
        [token for row in range(60) for token in (5,) * 11 + (row + 100,)],
        [1] * (LEAST_TOKENS - 1),
        [token for _ in range(3) for token in range(90)],
    ],
    ids=["a list with counters", "leader dots", "a short run", "three times the same paragraph"],
)
def test_what_only_resembles_a_loop_passes(tokens):
    guard = RepetitionGuard()
    assert not any(guard.loops_with(token) for token in tokens)

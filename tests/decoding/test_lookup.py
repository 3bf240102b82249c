"""What is guessed to come next."""

from __future__ import annotations

from smolvlm_tools.decoding.lookup import PAUSE, Lookup


def test_what_followed_the_same_three_tokens_is_guessed_the_most_recent_first():
    lookup = Lookup([1, 2, 3, 4, 5, 6, 1, 2, 3, 7, 8, 9], most=4)
    lookup.push(2, 3)
    assert lookup.guess(10) == (), "two tokens are too few"
    lookup.push(1, 2, 3)
    assert list(lookup.guess(10)) == [7, 8]
    assert list(lookup.guess(1)) == [7]
    assert list(lookup.guess(0)) == []


def test_what_the_reply_itself_said_is_known():
    lookup = Lookup([], most=8)
    lookup.push(1, 2, 3, 4, 1, 2, 3)
    assert list(lookup.guess(10)) == [4, 1, 2, 3]


def test_guesses_become_longer_when_right_and_shorter_when_wrong():
    lookup = Lookup([1, 2, 3, *range(10, 30), 1, 2, 3], most=7)
    lengths = []
    for right in ("all", "all", 1, "all", 0):
        guessed = len(lookup.guess(100))
        lengths.append(guessed)
        lookup.learn(guessed if right == "all" else right, guessed)
    assert lengths == [3, 6, 7, 1, 2]
    assert len(lookup.guess(100)) == 1


def test_two_misses_in_a_row_are_followed_by_a_pause():
    lookup = Lookup([1, 2, 3, 9, 1, 2, 3], most=7)
    lookup.learn(0, 3)
    assert lookup.guess(5)
    lookup.learn(0, 1)
    assert not lookup.guess(5)
    lookup.push(*range(100, 100 + PAUSE - 4), 1, 2, 3)
    assert not lookup.guess(5)
    lookup.push(5, 1, 2, 3)
    assert lookup.guess(5)

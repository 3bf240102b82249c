"""Words of the model that were recognised as one."""

from __future__ import annotations

import pytest

from smolvlm_tools.engine.crosscheck.lines import compare
from smolvlm_tools.engine.crosscheck.lost_spaces import part_words
from smolvlm_tools.images.ocr import SpeltWord
from smolvlm_tools.types import Box
from tests.support.ocr import fuzz_only, words

pytestmark = fuzz_only


def spelt(text: str, gaps: dict[int, int], *, turned: bool = False) -> SpeltWord:
    """A word of letters of 10 pixels with 2 between them, or `gaps` after some of them."""
    boxes, at = [], 0
    for number in range(len(text)):
        ends = (at, at + 10)
        boxes.append(
            Box(left=0, top=-ends[1], right=20, bottom=-ends[0])
            if turned
            else Box(left=ends[0], top=0, right=ends[1], bottom=20)
        )
        at = ends[1] + gaps.get(number + 1, 2)
    whole = Box(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )
    return SpeltWord(text=text, box=whole, confidence=0.9, letters=tuple(boxes))


def parts(said: str, *recognised):
    compared = compare([said], [0.9], recognised)
    return part_words(recognised, compared.said, compared.shared)


def test_a_space_that_the_model_wrote_and_the_ink_shows_parts_a_word():
    thank, you = parts("THANK YOU!", spelt("THANKYOU!", {5: 4}))
    assert (thank.text, you.text) == ("THANK", "YOU!")
    assert thank.box == Box(left=0, top=0, right=58, bottom=20)
    assert you.box == Box(left=62, top=0, right=108, bottom=20)


def test_the_parts_of_a_word_that_runs_upwards_lie_one_above_the_other():
    thank, you = parts("THANK YOU!", spelt("THANKYOU!", {5: 4}, turned=True))
    assert thank.box == Box(left=0, top=-58, right=20, bottom=0)
    assert you.box == Box(left=0, top=-108, right=20, bottom=-62)


def test_a_misread_letter_does_not_hide_a_space():
    assert [word.text for word in parts("THANK VOU!", spelt("THANKYOU!", {5: 4}))] == [
        "THANK",
        "YOU!",
    ]


def test_two_lost_spaces_make_three_words():
    found = parts("one two six", spelt("onetwosix", {3: 4, 6: 3}))
    assert [word.text for word in found] == ["one", "two", "six"]


@pytest.mark.parametrize("said", ["TO TAL", "TOTA", "TO TALL", "TO TA", "XX YYY"])
def test_what_the_ink_does_not_show_or_the_letters_leave_open_stays_whole(said):
    assert [word.text for word in parts(said, spelt("TOTAL", {}))] == ["TOTAL"]


def test_only_the_space_that_the_ink_shows_parts_a_word():
    found = parts("TH ANK YOU!", spelt("THANKYOU!", {5: 4}))
    assert [word.text for word in found] == ["THANK", "YOU!"]


def test_a_word_of_which_no_letter_has_a_box_stays_whole():
    assert [word.text for word in parts("THANK YOU!", *words("THANKYOU!"))] == ["THANKYOU!"]

"""Which pages are meant."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smolvlm_tools import BadOptions
from smolvlm_tools.pages import parse_pages


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1-3,7", [1, 2, 3, 7]),
        (" 2 , 1 ", [2, 1]),
        ("8-", [8, 9]),
        ("all", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("3,1-4", [3, 1, 2, 4]),
        (5, [5]),
    ],
)
def test_a_selection_names_pages_in_its_own_order(text, numbers):
    selection = parse_pages(text)
    assert selection is not None
    assert selection.numbers(9) == numbers


def test_no_selection_stays_none():
    assert parse_pages(None) is None


@pytest.mark.parametrize("pages", ["", "0", "3-1", "a", "1,,2", "-2", "1-2-3", True, 1.5, [1], -1])
def test_what_is_no_selection_is_refused(pages):
    with pytest.raises(BadOptions, match=r"pages="):
        parse_pages(pages)


@pytest.mark.parametrize("pages", ["10", "1-10", "2-,12", "1-999999999"])
def test_a_page_that_is_not_there_is_refused(pages):
    selection = parse_pages(pages)
    assert selection is not None
    with pytest.raises(BadOptions, match=r"there is no page \d+ in 'x\.pdf'\. It has 9 pages"):
        selection.numbers(9, "'x.pdf'")


@given(st.one_of(st.text("0123456789-, all²٣", max_size=30), st.integers(), st.floats(), st.none()))
@example(10**5_000)
@example("1-," * 300)
@example("1" + " " * 990 + "x")
def test_anything_is_a_selection_or_a_typed_error(pages):
    try:
        selection = parse_pages(pages)
        numbers = [] if selection is None else selection.numbers(9)
        assert all(1 <= number <= 9 for number in numbers)
    except BadOptions as error:
        assert error.remedy

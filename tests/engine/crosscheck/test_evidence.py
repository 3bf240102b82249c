"""Where values are printed."""

from __future__ import annotations

import datetime

import pytest
from pydantic import BaseModel

from smolvlm_tools.engine.crosscheck.evidence import find_evidence
from smolvlm_tools.types import Box
from tests.support.ocr import fuzz_only, words

pytestmark = fuzz_only

PAGE = words("Corner Cafe, 3 May 2024", "Coffee $1,234.50", "Tea 12 EUR", "due 04/06/2024 or not")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Corner Cafe", "Corner Cafe,"),
        ("corner cafe", "Corner Cafe,"),
        ("Corner Café", "Corner Cafe,"),
        ("Tea", "Tea"),
        (1234.5, "$1,234.50"),
        (12, "12"),
        (12.0, "12"),
        (datetime.date(2024, 5, 3), "3 May 2024"),
        (datetime.date(2024, 6, 4), "04/06/2024"),
    ],
)
def test_a_value_is_found_in_the_form_in_which_it_is_printed(value, text):
    assert find_evidence(value, PAGE)[""].text == text


@pytest.mark.parametrize("value", [True, None, 1234, 13.0, "Hotel", datetime.date(2023, 5, 3), ""])
def test_what_is_not_printed_has_no_evidence(value):
    assert find_evidence(value, PAGE) == {}


def test_values_within_an_object_are_named_by_their_pointers():
    class Item(BaseModel):
        name: str
        price: float

    class Bill(BaseModel):
        shop: str
        items: list[Item]

    bill = Bill(shop="Corner Cafe", items=[Item(name="Tea", price=12), Item(name="Milk", price=9)])
    assert set(find_evidence(bill, PAGE)) == {"/shop", "/items/0/name", "/items/0/price"}
    assert set(find_evidence({"a/b": "Tea"}, PAGE)) == {"/a~1b"}


def test_the_box_is_around_all_its_words():
    assert find_evidence("Corner Cafe", PAGE)[""].box == Box(left=0, top=0, right=120, bottom=20)


@pytest.mark.parametrize(
    ("field", "top"), [("total", 30), ("grand_total", 30), ("price", 0), ("coffee", 0), ("x", 0)]
)
def test_of_equal_values_that_beside_the_fields_name_is_meant(field, top):
    receipt = words("Coffee 7.50", "TOTAL: 7.50", "paid 7.50")
    assert find_evidence({field: 7.5}, receipt)[f"/{field}"].box.top == top


def test_a_better_match_goes_before_the_fields_name():
    receipt = words("Corner Cafe", "shop: Cornr Cafe")
    assert find_evidence({"shop": "Corner Cafe"}, receipt)["/shop"].box.top == 0


def test_a_question_tells_which_of_equal_values_is_meant():
    receipt = words("2 Coffee 7.50", "TOTAL: 7.50", "paid 7.50")
    found = find_evidence(7.5, receipt, "What is the total?")
    assert found[""].box.top == 30
    assert find_evidence(7.5, receipt, "How much was the coffee?")[""].box.top == 0

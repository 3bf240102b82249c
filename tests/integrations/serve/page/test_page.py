"""The page at /, in a real browser before the real command: images, questions, answers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.documents import RED_SQUARE, document, pdf_only, png, tiff
from tests.support.paths import RECEIPT, SHAPES
from tests.support.pdf_pages import lines, page
from tests.support.serve_page import browser_only

pytestmark = browser_only
HEAVIEST = 150_000


def test_an_image_is_dropped_and_a_question_about_it_answered(visit):
    visit.drop(SHAPES.read_bytes(), "shapes.png", "image/png")
    visit.planned()
    visit.ask("Free", "What color is the circle?")
    assert visit.answers == ["red"]
    tokens = visit.page.locator(".tokens").get_by_role("option")
    assert tokens.first.get_attribute("aria-label").startswith("red, ")
    assert "%" in tokens.first.get_attribute("title")
    assert "%" in visit.page.locator(".confidence strong").text_content()
    assert "5" in visit.page.locator(".cost").text_content()


def test_an_answer_grows_while_it_is_written(visit):
    visit.choose(SHAPES)
    visit.page.evaluate(
        """() => {
          window.seen = [];
          new MutationObserver(() => {
            const text = document.querySelector('.busy .reply')?.textContent;
            if (text) window.seen.push(text);
          }).observe(document.getElementById('answers'), { childList: true, subtree: true });
        }"""
    )
    visit.ask("Describe")
    seen = visit.page.evaluate("window.seen")
    assert len(set(seen)) > 3
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert visit.answers == [seen[-1]]


def test_a_pasted_image_is_shown(visit):
    visit.paste(RECEIPT.read_bytes(), "image.png", "image/png")
    visit.planned()
    visit.ask("Transcribe")
    assert visit.answers == ["CORNER CAFE\n2 COFFEE 7.50\nTOTAL 7.50\nTHANK YOU!"]


def test_yes_and_no_are_bars_with_their_numbers(visit):
    visit.choose(SHAPES)
    visit.ask("Yes or no", "Is there a circle?")
    assert visit.answers == ["Yes"]
    names = visit.page.locator(".option-name").all_text_contents()
    numbers = visit.page.locator(".option-number").all_text_contents()
    assert names == ["yes", "no"]
    assert sum(float(number.strip("<>% ")) for number in numbers) == pytest.approx(100, abs=0.2)


def test_choices_and_numbers_are_held_to_their_type(visit):
    visit.choose(SHAPES)
    visit.page.get_by_role("radio", name="Choices").check(force=True)
    visit.page.get_by_label("Choices, one a line").fill("green\nred\n")
    visit.ask("Choices", "What color is the circle?")
    assert visit.answers == ["red"]
    visit.ask("Number", "How many shapes are there?")
    assert visit.answers == ["3"]


def test_fields_are_a_table_with_the_confidence_of_each(visit):
    visit.choose(RECEIPT)
    visit.ask("Fields")
    cells = visit.page.locator(".values tbody").inner_text().split()
    assert cells[:2] == ["total", "7.5"] and cells[-1] == "%"


def test_two_resolutions_and_precisions_are_compared(visit):
    visit.choose(SHAPES)
    visit.page.get_by_label("Compare with").check()
    visit.page.get_by_label("Other resolution").select_option("1")
    visit.ask("Yes or no", "Is there a circle?")
    titles = visit.page.locator(".answer h3").all_text_contents()
    assert titles == ["embedded Auto", "embedded:fp32 1 tile"]
    assert visit.answers == ["Yes", "Yes"]
    assert "5 tiles against 1" in visit.page.locator(".verdict").text_content()


def test_choosing_a_resolution_draws_its_tiles(visit):
    visit.choose(SHAPES)
    marks = visit.page.locator(".mark text")
    assert marks.all_text_contents() == ["1", "2", "3", "4"]
    visit.page.get_by_label("4 tiles long").check()
    assert marks.count() == 12
    visit.page.get_by_label("1 tile", exact=True).check()
    assert marks.count() == 0
    visit.page.get_by_label("As coarse as the model gets it").check()
    assert visit.page.locator("#frame canvas").get_attribute("width") == "128"


@pdf_only
def test_a_page_of_a_pdf_is_chosen_shown_and_asked_about(visit):
    both = document(2, content=RED_SQUARE)
    visit.choose({"name": "two.pdf", "mimeType": "application/pdf", "buffer": both})
    assert visit.page.locator("#page-count").text_content() == "of 2"
    visit.page.get_by_role("button", name="Next page").click()
    visit.page.get_by_role("img", name="two.pdf, page 2").wait_for()
    visit.planned()
    visit.ask("Yes or no", "Is there a square?")
    assert "two.pdf, page 2" in visit.page.locator("#history").text_content()


@pdf_only
def test_print_of_a_pdf_is_transcribed(visit):
    sheet = page(lines("HELLO", size=60, top=600))
    visit.choose({"name": "one.pdf", "mimeType": "application/pdf", "buffer": sheet})
    assert not visit.page.locator("#pages").is_visible()
    visit.ask("Transcribe")
    assert "HELLO" in visit.answers[0]


def test_pages_of_a_tiff_are_shown_though_browsers_read_none(visit):
    both = tiff("red", "blue")
    visit.choose({"name": "two.tif", "mimeType": "image/tiff", "buffer": both})
    visit.page.get_by_role("img", name="two.tif, page 1").wait_for()


def test_an_image_in_a_format_that_browsers_do_not_show_is_shown_all_the_same(visit):
    visit.choose({"name": "one.tif", "mimeType": "image/tiff", "buffer": tiff("red")})
    visit.page.get_by_role("img", name="one.tif").wait_for()
    assert "cannot show" not in visit.page.locator("#frame").text_content()
    visit.ask("Yes or no", "Is it red?")
    assert visit.answers[0] in ("Yes", "No")


def test_a_file_that_cannot_be_read_is_an_alert_and_the_old_one_stays(visit):
    visit.choose(SHAPES)
    visit.drop(b"hello", "notes.txt", "text/plain")
    alert = visit.page.get_by_role("alert")
    assert "not an image" in alert.text_content()
    assert "400" in alert.text_content()
    assert visit.page.locator("#picture-name").text_content() == "shapes.png"
    alert.get_by_role("button", name="Dismiss").click()
    assert alert.count() == 0


def test_what_is_missing_is_said(visit):
    visit.page.locator("#send").click()
    assert "Choose an image" in visit.page.get_by_role("alert").text_content()
    visit.choose(SHAPES)
    visit.page.locator("#send").click()
    assert "Write a question" in visit.page.get_by_role("alert").text_content()


def test_a_blank_image_is_told_in_plain_words(visit):
    blank = png((64, 64), "white")
    visit.choose({"name": "blank.png", "mimeType": "image/png", "buffer": blank})
    visit.ask("Describe")
    assert "made up" in visit.page.locator(".notice.warn").first.text_content()

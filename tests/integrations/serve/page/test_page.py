"""What a person sees of a picture, asks about it and is told."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.support.browser import (
    CIRCLE,
    TOKEN,
    answers,
    ask,
    choose,
    finish,
    give,
    open_shapes,
    two_pages,
)
from tests.support.paths import SHAPES


def test_a_dropped_picture_is_shown_with_its_tiles_and_what_they_cost(page):
    give(page, SHAPES.read_bytes(), "shapes.png")
    page.wait_for_selector("#grid span")
    assert page.locator("#grid span").count() == 4
    assert page.locator("#image").evaluate("image => image.naturalWidth") == 320
    assert "2 × 2 tiles" in page.inner_text("#caption")
    page.get_by_role("radio", name="One tile").check()
    assert page.locator("#grid span").count() == 1
    assert "128 × 128 as one tile" in page.inner_text("#caption")


def test_a_pasted_picture_is_shown(page):
    give(page, SHAPES.read_bytes(), "image.png", event="paste")
    page.wait_for_selector("#grid span")
    assert page.get_attribute("#image", "alt") == "image.png"


def test_an_answer_is_streamed_with_its_confidence_tokens_and_cost(page):
    open_shapes(page)
    ask(page, CIRCLE)
    assert answers(page) == ["red"]
    assert "Confidence" in page.inner_text(".confidence")
    assert "361 tokens" in page.inner_text(".answer .facts")
    page.click("text=How sure of each word")
    assert page.locator(".tokens span").all_text_contents() == [" red"]
    assert "%" in page.get_attribute(".tokens span", "title")
    page.click("text=As a list")
    assert page.inner_text(".token-list").startswith('" red" ')


def test_seconds_are_told_once_an_answer_was_timed(page):
    open_shapes(page)
    ask(page, CIRCLE)
    page.wait_for_selector("#plan td:last-child:has-text(' s')")


def test_yes_or_no_shows_the_probability_of_both(page):
    open_shapes(page)
    choose(page, "Yes or no")
    ask(page, "Is the circle red?")
    assert answers(page) == ["yes"]
    bars = page.locator(".options li")
    assert [bar.split()[0] for bar in bars.all_inner_texts()] == ["yes", "no"]


def test_choices_and_numbers_are_answered_in_their_type(page):
    open_shapes(page)
    choose(page, "Choices")
    page.fill("#choices", "red\nblue\ngreen")
    ask(page, CIRCLE)
    assert answers(page) == ["red"]
    assert page.locator(".options li").count() == 3
    choose(page, "Whole number")
    ask(page, "How many shapes are there?")
    assert answers(page) == ["3"]


def test_fields_have_a_value_and_a_confidence_each(page):
    open_shapes(page)
    choose(page, "Fields")
    page.get_by_label("Name of the field").fill("count")
    page.get_by_label("Type of the field").select_option("integer")
    page.click("#go")
    finish(page)
    assert "count 3" in page.inner_text(".fields")
    assert "%" in page.inner_text(".fields")


def test_two_models_are_compared_side_by_side(page):
    open_shapes(page)
    page.check("#compare")
    ask(page, CIRCLE)
    assert answers(page) == ["red", "red"]
    titles = page.locator(".answer h3").all_text_contents()
    assert titles == ["embedded · Automatic", "embedded:fp32 · Automatic"]
    assert page.locator(".answer .facts").count() == 2
    left, right = (page.locator(".answer").nth(n).bounding_box() for n in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]


def test_a_comparison_of_the_same_with_the_same_is_refused(page):
    open_shapes(page)
    page.check("#compare")
    page.select_option("#other-model", "embedded")
    page.fill("#question", CIRCLE)
    page.click("#go")
    assert "would be the same" in page.inner_text("#ask-error")
    assert answers(page) == []


def test_what_a_reader_should_know_is_said_in_words(page):
    out = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(out, "png")
    give(page, out.getvalue(), "blank.png")
    page.wait_for_selector("#grid span")
    choose(page, "Describe")
    page.click("#go")
    finish(page)
    assert "seems to show nothing" in page.inner_text(".notice")


def test_the_second_page_of_a_pdf_is_shown_and_asked_about(page):
    give(page, two_pages(), "two.pdf", "application/pdf")
    page.wait_for_selector("#pages:visible")
    page.click("#page-after")
    page.wait_for_selector("#image[alt='two.pdf, page 2']")
    assert page.is_disabled("#page-after")
    ask(page, CIRCLE)
    assert answers(page) == ["red"]
    choose(page, "Yes or no")
    ask(page, "Is the circle red?")
    assert answers(page) == ["yes"]


def test_what_cannot_be_read_is_refused_in_the_servers_words(page):
    give(page, b"hello", "notes.txt", "text/plain")
    page.wait_for_selector("#picture-error:visible")
    assert "not an image" in page.inner_text("#picture-error")
    open_shapes(page)
    assert page.is_hidden("#picture-error")


def test_what_is_missing_is_said_beside_the_button(page):
    page.click("#go")
    assert page.inner_text("#ask-error") == "Choose a picture first."
    open_shapes(page)
    page.click("#go")
    assert page.inner_text("#ask-error") == "Write a question first."


def test_what_was_asked_can_be_asked_again_and_copied_as_code(page):
    open_shapes(page)
    ask(page, CIRCLE)
    page.fill("#question", "")
    page.click("#history summary")
    assert "red" in page.inner_text("#asked")
    page.click("text=Use again")
    assert page.input_value("#question") == CIRCLE
    page.click("#copy summary")
    for form in ("curl 'http://127.0.0.1", "from openai import OpenAI", '"tools/call"'):
        assert form in page.inner_text("#copies")


@pytest.mark.parametrize("kind", ["Ask", "Yes or no"])
def test_the_python_that_is_copied_answers_the_same(page, kind, monkeypatch, capsys):
    monkeypatch.setenv("SMOLVLM_SERVE_TOKEN", TOKEN)
    open_shapes(page)
    choose(page, kind)
    ask(page, 'Is the circle "red"?')
    said = answers(page)[0]
    code = page.locator("#copies pre", has_text="openai").text_content()
    exec(compile(code, "copied", "exec"), {})
    assert said in capsys.readouterr().out

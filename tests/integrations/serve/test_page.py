"""The page at /, in a real browser against the real command."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from smolvlm_serve.shown import FOLDER

from tests.support.browser import (
    CHROMIUM,
    answers,
    ask,
    choose,
    chromium,
    finish,
    give,
    open_shapes,
    two_pages,
)
from tests.support.paths import SHAPES
from tests.support.serve_servers import served

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
if CHROMIUM is None:
    pytest.skip("needs chromium", allow_module_level=True)

CIRCLE = "What color is the circle?"
TOKEN = "a-token-of-these-tests"
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def url():
    """A server with a token: whatever the page asks for, it must send it."""
    with served("--model", "embedded:fp32", SMOLVLM_SERVE_TOKEN=TOKEN) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def stranger(browser, url):
    """The page as somebody opens it. It reaches no other host, and breaks none of its own rules."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    page = context.new_page()
    hosts, faults = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Policy" in line.text else None)
    page.goto(url)
    yield page
    context.close()
    assert hosts <= {urlsplit(url).netloc, ""}, "blob: and data: have no host"
    assert not faults


@pytest.fixture
def page(stranger):
    """The page of somebody who has given the token."""
    stranger.evaluate("token => sessionStorage.setItem('smolvlm-token', token)", TOKEN)
    stranger.reload()
    stranger.wait_for_selector("#model option", state="attached")
    return stranger


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


def test_a_question_can_be_asked_with_the_keyboard_alone(page):
    open_shapes(page)
    page.evaluate("document.activeElement.blur()")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "question":
            break
    page.keyboard.type(CIRCLE)
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer .facts")
    assert answers(page) == ["red"]


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


def test_the_servers_figures_are_asked_for_only_while_they_are_looked_at(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url.endswith("/v1/stats")))
    open_shapes(page)
    assert not any(asked)
    page.click("#metrics summary")
    page.wait_for_selector("#figures .line")
    assert "no budget is set" in page.inner_text("#figures")
    assert any(asked)


def test_a_token_is_asked_for_and_asked_for_again_if_it_is_wrong(stranger):
    stranger.wait_for_selector("#token-dialog[open]")
    stranger.fill("#token", "not-the-token-at-all")
    stranger.keyboard.press("Enter")
    stranger.wait_for_selector("text=That token was not accepted")
    stranger.fill("#token", TOKEN)
    stranger.keyboard.press("Enter")
    stranger.wait_for_selector("#model option", state="attached")
    open_shapes(stranger)


def test_an_answer_can_be_stopped(page):
    open_shapes(page)
    page.route("**/v1/chat/completions", lambda route: None)
    page.fill("#question", CIRCLE)
    page.click("#go")
    page.click("#stop")
    finish(page)
    assert "Stopped" in page.inner_text(".answer")
    assert page.is_hidden("#stop")


def test_what_a_server_writes_is_never_read_as_markup(page):
    give(page, SHAPES.read_bytes(), "<b id=evil>shapes</b>.png")
    page.wait_for_selector("#grid span")
    ask(page, CIRCLE)
    page.click("#history summary")
    assert "<b id=evil>" in page.inner_text("#asked")
    assert page.locator("#evil").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_fault_of_accessibility_in_either_theme(page, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=theme)
    open_shapes(page)
    page.check("#compare")
    choose(page, "Yes or no")
    ask(page, "Is the circle red?")
    choose(page, "Ask")
    for part in ("#copy", "#history", "#metrics"):
        page.click(f"{part} > summary")
    page.wait_for_selector("#figures .line")
    found = axe.Axe().run(page).response["violations"]
    assert [each for each in found if each["impact"] in ("serious", "critical")] == []


def test_the_theme_is_the_systems_until_it_is_changed(page):
    shade = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(shade)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(shade)
    assert light != dark
    page.click("#theme")
    assert page.evaluate(shade) == light


def test_a_narrow_screen_has_one_column_and_nothing_to_scroll_sideways(page):
    page.set_viewport_size({"width": 360, "height": 740})
    open_shapes(page)
    page.check("#compare")
    ask(page, CIRCLE)
    for part in ("#copy", "#history", "#metrics"):
        page.click(f"{part} > summary")
    choose(page, "Fields")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    boxes = [page.locator(part).bounding_box() for part in ("#picture", "#ask-card")]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]


def test_the_whole_page_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES

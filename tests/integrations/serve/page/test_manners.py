"""How the page behaves: for the keyboard, narrow screens, both themes, and towards the server."""

from __future__ import annotations

import pytest
from smolvlm_serve.shown import FOLDER

from tests.support.browser import (
    CIRCLE,
    TOKEN,
    answers,
    ask,
    choose,
    finish,
    give,
    open_shapes,
)
from tests.support.paths import SHAPES

MOST_BYTES = 150_000


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

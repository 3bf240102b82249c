"""The page at /: by keyboard, for every eye, narrow, dark, light in weight, and closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from smolvlm_serve.shown import FOLDER, HEADERS

from tests.support.paths import SHAPES
from tests.support.serve_page import browser_only

pytestmark = browser_only
HEAVIEST = 150_000


def test_everything_is_done_by_keyboard(visit):
    keys = visit.page.keyboard
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose a file").focus()
        keys.press("Enter")
    chooser.value.set_files(SHAPES)
    visit.planned()
    tab_to(visit, "input[name=resolution]:checked")
    keys.press("ArrowDown")
    assert visit.page.locator("tr.chosen").inner_text().startswith("Native")
    tab_to(visit, "input[name=kind]:checked")
    keys.press("ArrowRight")
    tab_to(visit, "#question")
    keys.type("Is there a circle?")
    keys.press("Enter")
    visit.answered()
    assert visit.answers == ["Yes"]
    for _ in range(5):
        tab_to(visit, "input[name=kind]:checked", "Shift+Tab")
    keys.press("ArrowLeft")
    tab_to(visit, "#send")
    keys.press("Enter")
    visit.page.locator(".tokens").wait_for()
    tab_to(visit, ".tokens")
    first = visit.page.locator(".readout").inner_text()
    keys.press("ArrowRight")
    assert visit.page.locator(".readout").inner_text() != first
    assert "%" in first
    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def tab_to(visit, selector, key="Tab"):
    """Press Tab until an element has the focus."""
    for _ in range(60):
        if visit.page.evaluate("(it) => document.activeElement.matches(it)", selector):
            return
        visit.page.keyboard.press(key)
    raise AssertionError(f"Tab does not come to {selector}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(visiting, server, theme):
    from axe_playwright_python.sync_playwright import Axe

    visit = visiting(server, color_scheme=theme)
    grave = check(Axe(), visit)
    visit.choose(SHAPES)
    visit.page.get_by_role("button", name="Figures").click()
    visit.page.get_by_label("Compare with").check()
    visit.ask("Describe")
    visit.page.get_by_role("button", name="Copy as curl").click()
    grave += check(Axe(), visit)
    visit.page.get_by_label("Compare with").uncheck()
    visit.ask("Fields")
    visit.drop(b"hello", "notes.txt", "text/plain")
    visit.page.get_by_role("alert").wait_for()
    assert not grave + check(Axe(), visit)


def check(axe, visit):
    found = axe.run(visit.page).response["violations"]
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def test_dark_follows_the_system_and_the_button(visiting, server):
    def ground(visit):
        return visit.page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = (visiting(server, color_scheme=each) for each in ("light", "dark"))
    assert ground(light) != ground(dark)
    button = light.page.get_by_role("button", name="Theme")
    while "dark" not in button.text_content():
        button.click()
    assert ground(light) == ground(dark)
    light.page.reload()
    assert ground(light) == ground(dark)


def test_a_narrow_screen_is_not_scrolled_sideways(visiting, server):
    visit = visiting(server, viewport={"width": 360, "height": 740})
    assert visit.overflow() <= 0
    visit.choose(SHAPES)
    visit.page.get_by_role("button", name="Figures").click()
    visit.page.get_by_label("Compare with").check()
    for kind in ("Describe", "Yes or no", "Fields", "Choices", "Number"):
        if kind == "Choices":
            visit.page.get_by_role("radio", name=kind).check(force=True)
            visit.page.get_by_label("Choices, one a line").fill("red\ngreen")
        visit.ask(kind, None if kind in ("Describe", "Fields") else "What color is the circle?")
        assert visit.overflow() <= 0, kind
    visit.page.get_by_role("button", name="Copy as curl").click()
    assert visit.overflow() <= 0


def test_the_page_is_sent_with_its_policy_and_is_light(visit):
    policy = visit.head.headers["content-security-policy"]
    assert policy == HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= HEAVIEST


def test_no_file_of_the_page_is_long_or_reads_text_as_html():
    for path in FOLDER.iterdir():
        text = Path(path).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        for unsafe in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            " style=",
            " onclick=",
        ):
            assert unsafe not in text, (path.name, unsafe)


def test_markup_is_shown_as_text(visit):
    name = "<img src=x onerror=alert(1)>.png"
    visit.choose({"name": name, "mimeType": "image/png", "buffer": SHAPES.read_bytes()})
    visit.ask("Yes or no", "<b>Is there a circle?</b>")
    assert visit.page.locator(".past-question").text_content() == "<b>Is there a circle?</b>"
    assert visit.page.locator("#picture-name *, .past-question *").count() == 0

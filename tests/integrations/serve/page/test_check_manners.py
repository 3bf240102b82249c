"""The page at /: checks by keyboard, for every eye, copied, kept, and where OCR lacks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from smolvlm_tools.engine.crosscheck import installed
from smolvlm_tools.errors import BackendUnavailable
from smolvlm_tools.tools import find_tool
from tests.support.checked_page import check
from tests.support.ocr import ocr_only
from tests.support.paths import IMAGES, RECEIPT, ROOT, SHAPES
from tests.support.serve_page import browser_only
from tests.support.serve_servers import served_here

pytestmark = [browser_only, ocr_only]
LETTER = ROOT / "examples" / "tour_images" / "letter.png"


def test_lines_and_boxes_are_gone_through_by_keyboard(visit):
    keys = visit.page.keyboard
    visit.choose(RECEIPT)
    visit.page.get_by_role("radio", name="Transcribe").check(force=True)
    visit.page.locator("input[name=kind]:checked").focus()
    keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "second"
    keys.press("Space")
    visit.page.locator("#send").focus()
    keys.press("Enter")
    visit.answered()
    for name, other in ((".rows", "#boxes"), ("#boxes", ".rows")):
        visit.page.locator(name).focus()
        keys.press("ArrowDown")
        chosen = visit.page.locator(f"{name} [aria-selected=true]")
        assert chosen.get_attribute("aria-label") == "2 COFFEE 7.50; read alike by both"
        shown = visit.page.evaluate("document.activeElement.getAttribute('aria-activedescendant')")
        assert shown == chosen.get_attribute("id")
        assert visit.page.locator(f"{other} .at").count() == 1


def test_boxes_keep_the_focus_when_plans_are_made_anew(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    visit.page.locator("#boxes").focus()
    with visit.page.expect_response("**/v1/plan"):
        visit.page.evaluate("import('/page/plans.js').then(({ replan }) => replan())")
    visit.page.wait_for_function("document.querySelectorAll('#plans tbody tr').length > 0")
    assert visit.page.evaluate("document.activeElement.id") == "boxes"


def test_without_a_second_reader_the_choice_is_closed_and_says_why(visiting, vlm, monkeypatch):
    def missing():
        raise BackendUnavailable("comparing texts needs a library", "Run pip install.")

    monkeypatch.setattr(installed, "check_library", missing)
    with served_here(vlm) as url:
        visit = visiting(url)
        visit.page.get_by_text("comparing texts needs a library. Run pip install.").wait_for()
        choice = visit.page.get_by_label("Check with OCR")
        assert choice.is_disabled()
        visit.choose(RECEIPT)
        visit.ask("Transcribe")
        assert visit.page.locator("#boxes").count() == 0


def test_only_what_can_be_checked_has_the_choice(visit):
    choice = visit.page.get_by_label("Check with OCR")
    for kind, has in (("Describe", False), ("Yes or no", False), ("Transcribe", True)):
        visit.page.get_by_role("radio", name=kind, exact=True).check(force=True)
        assert choice.is_visible() is has
    assert not choice.is_checked()


@pytest.mark.parametrize(
    ("name", "run"),
    [("Python", [sys.executable, "-c"]), ("curl", ["bash", "-c"])],
    ids=["Python", "curl"],
)
def test_what_is_copied_checks_too(visit, name, run):
    visit.choose(RECEIPT)
    check(visit, "Fields")
    visit.page.get_by_role("button", name=f"Copy as {name}").click()
    command = [*run, visit.page.locator("#snippet").text_content()]
    done = subprocess.run(command, cwd=IMAGES, capture_output=True, text=True, check=True)
    assert "/total" in done.stdout and "115.0" in done.stdout


def test_a_checked_call_is_copied_for_mcp(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    visit.page.get_by_role("button", name="Copy as MCP").click()
    call = json.loads(visit.page.locator("#snippet").text_content())["params"]
    assert call["arguments"]["check"] == "ocr"
    find_tool(call["name"]).input.model_validate(call["arguments"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_checked_answer(visiting, server, theme):
    from axe_playwright_python.sync_playwright import Axe

    visit = visiting(server, color_scheme=theme)
    visit.choose(LETTER)
    check(visit, "Transcribe")
    visit.page.get_by_text("Both texts").click()
    visit.page.locator(".rows").focus()
    found = Axe().run(visit.page).response["violations"]
    visit.choose(RECEIPT)
    check(visit, "Fields")
    found += Axe().run(visit.page).response["violations"]
    assert not [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_boxes_stay_with_their_picture_and_come_back_with_the_history(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    visit.choose(SHAPES)
    visit.page.locator("#frame .grid").wait_for()
    assert visit.page.locator("#boxes").count() == 0
    visit.page.reload()
    visit.page.locator(".past").click()
    visit.page.locator("#boxes").wait_for()
    assert visit.page.get_by_label("Boxes of the check").is_checked()
    visit.page.get_by_label("Boxes of the check").uncheck()
    assert visit.page.locator("#boxes").count() == 0
    assert visit.page.locator("#frame .grid").count() == 1

"""The page at /: answers that a second reader checks, and their boxes on the image."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from smolvlm_tools.engine.crosscheck import installed
from smolvlm_tools.errors import BackendUnavailable
from smolvlm_tools.tools import find_tool
from tests.support.documents import pdf_only
from tests.support.ocr import ocr_only
from tests.support.paths import IMAGES, RECEIPT, ROOT, SHAPES
from tests.support.pdf_pages import lines, page
from tests.support.serve_page import browser_only
from tests.support.serve_servers import served_here

pytestmark = [browser_only, ocr_only]
LETTER = ROOT / "examples" / "tour_images" / "letter.png"
NARROW = {"width": 360, "height": 740}
NEAR = 3  # pixels of the image, besides those of the screen between print and box
_PLACES = """() => {
  const image = document.querySelector("#frame :is(img, canvas)").getBoundingClientRect();
  const width = Number(document.querySelector("#boxes").viewBox.baseVal.width);
  const scale = width / image.width;
  return [...document.querySelectorAll("#boxes rect:not(.halo)")].map((rect) => {
    const { left, top, right, bottom } = rect.getBoundingClientRect();
    return [left - image.left, top - image.top, right - image.left, bottom - image.top]
      .map((each) => each * scale);
  });
}"""


def check(visit, kind, question=None):
    """Ask with the second reader, and wait for the answer."""
    visit.page.get_by_role("radio", name=kind, exact=True).check(force=True)
    visit.page.get_by_label("Check with OCR").check()
    visit.ask(kind, question)


def boxes(visit):
    """Where boxes are drawn, in pixels of the image."""
    return visit.page.evaluate(_PLACES)


def around(words, visit):
    """Where boxes belong, with the paper between print and box."""
    wide = visit.page.locator("#frame").bounding_box()["width"]
    pad = 2 * visit.page.evaluate("document.querySelector('#boxes').viewBox.baseVal.width") / wide
    return [
        pytest.approx((b.left - pad, b.top - pad, b.right + pad, b.bottom + pad), abs=NEAR)
        for b in (word.box for word in words)
    ]


@pytest.fixture(scope="module")
def words(vlm):
    """What the core recognises in the receipt."""
    return vlm.transcribe(RECEIPT, check="ocr").check.words


@pytest.mark.parametrize("size", [{"width": 1280, "height": 860}, NARROW], ids=["wide", "narrow"])
def test_boxes_are_drawn_where_the_words_are_at_every_width(visiting, server, words, size):
    visit = visiting(server, viewport=size)
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    assert boxes(visit) == around(words, visit)
    assert visit.overflow() <= 0
    visit.page.set_viewport_size({"width": 700, "height": 900})
    assert boxes(visit) == around(words, visit)
    assert visit.page.locator("#boxes .agree").count() == len(words)


def test_the_agreement_the_legend_and_both_texts_are_shown(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    answer = visit.page.get_by_role("article", name="Answer")
    assert "rapidocr" in answer.locator(".confidence").first.text_content()
    assert answer.locator(".confidence strong").first.text_content() == "100 %"
    legend = answer.get_by_role("list", name="Marks of the check")
    assert legend.get_by_role("listitem").count() == 4
    answer.get_by_text("Both texts").click()
    assert answer.locator(".text").all_text_contents() == [visit.answers[0]] * 2


def test_each_kind_of_difference_has_its_own_line_and_words(visit):
    visit.choose(LETTER)
    check(visit, "Transcribe")
    missing = visit.page.locator("#boxes .missing").first
    dashes = {
        visit.page.evaluate("(it) => getComputedStyle(it).strokeDasharray", each.element_handle())
        for each in (missing, visit.page.locator("#boxes .differ").first)
    }
    assert len(dashes) == 2
    rows = visit.page.locator(".rows").get_by_role("option")
    told = [row.get_attribute("aria-label") for row in rows.all()]
    assert any("only the model" in each for each in told)
    assert "Harbour Museum; left out by the model" in told
    assert visit.page.locator(".word.invented").count() > 0
    assert visit.page.locator("#boxes .invented").count() == 0
    assert "made up, or misread" in visit.page.locator(".notice.warn").first.text_content()


def test_a_line_and_its_boxes_bring_each_other_out(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    rows = visit.page.locator(".rows").get_by_role("option")
    groups = visit.page.locator("#boxes").get_by_role("option")
    rows.nth(2).hover()
    assert "at" in groups.nth(2).get_attribute("class").split()
    groups.nth(1).locator("rect").last.hover()
    assert [each.get_attribute("class").split()[-1] for each in rows.all()] == [
        "row-read",
        "at",
        "row-read",
        "row-read",
    ]
    visit.page.get_by_role("heading", name="Question").hover()
    assert visit.page.locator(".row-read.at, .box.at").count() == 0


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


@pytest.mark.parametrize(
    ("kind", "question", "name"),
    [
        ("Number", "What is the total?", ""),
        ("Free", "What is the total?", ""),
        ("Fields", None, "total: "),
    ],
)
def test_the_place_where_an_answer_is_printed_is_shown(visit, words, kind, question, name):
    visit.choose(RECEIPT)
    if kind == "Number":
        visit.page.get_by_role("radio", name=kind).check(force=True)
        visit.page.get_by_label("The answer is").select_option("number")
    check(visit, kind, question)
    row = visit.page.locator(".rows").get_by_role("option").get_attribute("aria-label")
    assert row.startswith(name) and "printed as “7.50”" in row
    assert boxes(visit) == around([words[4]], visit)


def test_an_answer_that_is_not_printed_is_told_without_a_box(visit):
    visit.choose(SHAPES)
    check(visit, "Number", "How many shapes are there?")
    row = visit.page.locator(".rows").get_by_role("option").get_attribute("aria-label")
    assert "not printed as such" in row
    assert visit.page.locator("#boxes rect").count() == 0


@pdf_only
def test_a_page_of_a_pdf_has_its_boxes_where_its_print_is(visit):
    sheet = page(lines("HELLO", size=60, top=600))
    visit.choose({"name": "one.pdf", "mimeType": "application/pdf", "buffer": sheet})
    check(visit, "Transcribe")
    (left, top, right, bottom), *others = boxes(visit)
    assert not others
    image = visit.page.locator("#frame img")
    dark = image.evaluate(
        """(image) => {
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
          const xs = [], ys = [];
          for (let at = 0; at < data.length; at += 4)
            if (data[at] < 128) {
              xs.push((at / 4) % canvas.width);
              ys.push(Math.floor(at / 4 / canvas.width));
            }
          const least = (all) => all.reduce((a, b) => Math.min(a, b));
          const most = (all) => all.reduce((a, b) => Math.max(a, b));
          return [least(xs), least(ys), most(xs), most(ys)];
        }"""
    )
    scale = image.evaluate("(image) => image.naturalWidth / image.clientWidth")
    assert (left, top, right, bottom) == pytest.approx(tuple(dark), abs=2 * scale + 2 * NEAR)


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


def test_where_no_word_is_recognised_no_text_is_shown(visit):
    disc = Image.new("RGB", (300, 150), "white")
    ImageDraw.Draw(disc).ellipse((90, 20, 190, 120), fill="red")
    data = io.BytesIO()
    disc.save(data, "PNG")
    visit.choose({"name": "disc.png", "mimeType": "image/png", "buffer": data.getvalue()})
    check(visit, "Transcribe")
    assert "not handed out" in visit.page.locator(".answer").text_content()
    assert visit.answers == ["No words"]
    assert visit.page.locator(".reply").is_visible()
    assert visit.page.locator("#boxes rect").count() == 0


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
    assert "/total" in done.stdout and "151.0" in done.stdout


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


def test_boxes_belong_to_the_page_that_was_asked_about(visit, words):
    data = io.BytesIO()
    with Image.open(SHAPES) as shapes, Image.open(RECEIPT) as receipt:
        second = receipt.convert("RGB")
        shapes.convert("RGB").save(data, "TIFF", save_all=True, append_images=[second])
    visit.choose({"name": "two.tif", "mimeType": "image/tiff", "buffer": data.getvalue()})
    visit.page.get_by_role("button", name="Next page").click()
    visit.page.get_by_role("img", name="two.tif, page 2").wait_for()
    check(visit, "Transcribe")
    visit.page.locator("#boxes").wait_for()
    assert boxes(visit) == around(words, visit)
    visit.page.get_by_role("button", name="Page before").click()
    visit.page.get_by_role("img", name="two.tif, page 1").wait_for()
    assert visit.page.locator("#boxes").count() == 0
    visit.page.get_by_role("button", name="Next page").click()
    visit.page.locator("#boxes").wait_for()


def test_of_two_answers_the_one_that_is_looked_at_has_its_boxes(visit, words):
    visit.choose(RECEIPT)
    visit.page.get_by_label("Compare with").check()
    visit.page.get_by_label("Other resolution").select_option("1")
    check(visit, "Free", "What is the total?")
    first, second = visit.page.locator(".rows").all()
    assert first.get_by_role("option").count() == second.get_by_role("option").count() == 1
    second.get_by_role("option").hover()
    assert visit.page.locator("#boxes .at").count() == 1 == second.locator(".at").count()
    assert first.locator(".at").count() == 0
    visit.page.locator("#boxes rect").last.hover()
    assert (first.locator(".at").count(), second.locator(".at").count()) == (0, 1)

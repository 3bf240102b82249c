"""The page at /: answers that a second reader checks, and their boxes on the image."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from smolvlm_tools import Check
from smolvlm_tools.engine.crosscheck.lines import compare
from tests.support.checked_page import NEAR, around, boxes, check
from tests.support.documents import pdf_only
from tests.support.ocr import longer_receipt, ocr_only
from tests.support.ocr import words as words_of
from tests.support.paths import RECEIPT, ROOT, SHAPES
from tests.support.pdf_pages import lines, page
from tests.support.serve_page import browser_only

pytestmark = [browser_only, ocr_only]
LETTER = ROOT / "examples" / "tour_images" / "letter.png"
NARROW = {"width": 360, "height": 740}


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


def test_what_is_left_out_or_made_up_is_marked(visit):
    visit.choose(LETTER)
    check(visit, "Transcribe")
    rows = visit.page.locator(".rows").get_by_role("option")
    told = [row.get_attribute("aria-label") for row in rows.all()]
    assert any("only the model" in each for each in told)
    assert "Harbour Museum; left out by the model" in told
    assert visit.page.locator("#boxes .missing").count() > 0
    assert visit.page.locator(".word.invented").count() > 0
    assert visit.page.locator("#boxes .invented").count() == 0
    assert "made up, or misread" in visit.page.locator(".notice.warn").first.text_content()


def test_each_kind_of_box_has_a_line_of_its_own(visit):
    visit.choose(RECEIPT)
    check(visit, "Transcribe")
    lines = visit.page.evaluate(
        """() => ["agree", "differ", "missing"].map((kind) => {
          const rect = document.querySelector("#boxes rect:not(.halo)");
          rect.setAttribute("class", kind);
          const { stroke, strokeDasharray } = getComputedStyle(rect);
          return [stroke, strokeDasharray];
        })"""
    )
    colours, dashes = zip(*lines, strict=True)
    assert len(set(colours)) == len(set(dashes)) == 3


def test_what_this_model_misreads_is_told_beside_what_is_printed(visit):
    data = io.BytesIO()
    longer_receipt().save(data, "PNG")
    visit.choose({"name": "longer.png", "mimeType": "image/png", "buffer": data.getvalue()})
    check(visit, "Transcribe")
    assert visit.page.locator("#boxes .differ").count() > 0
    told = visit.page.locator(".row-how").all_text_contents()
    assert any(each.startswith("OCR has “") and each.endswith("% alike") for each in told)


@pytest.mark.parametrize(
    ("line", "printed", "kinds"),
    [
        ("TOTAL 750", "TOTAL 7.50", ["agree", "differ"]),
        ("TOTAI 7.50", "TOTAL 7.50", ["differ", "agree"]),
        ("THANKYOU!", "THANK YOU!", ["agree"]),
        ("served by Mia", "servedby Mia", ["agree", "agree", "agree"]),
        ("served by Max", "servedby Mia", ["agree", "agree", "differ"]),
    ],
)
def test_a_word_is_alike_if_nothing_else_is_printed_in_its_place(visit, line, printed, kinds):
    there = words_of(printed)
    compared = compare([line], [0.9], there)
    found = Check(
        recognizer="ocr", words=there, lines=compared.lines, missing=compared.missing,
        agreement=compared.agreement, model_confidence=0.9,
    )  # fmt: skip
    rows = visit.page.evaluate(
        "async (check) => (await import('/page/marks.js')).rowsOf(check, {})",
        found.model_dump(mode="json"),
    )
    assert [word["kind"] for word in rows[0]["words"]] == kinds


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
    assert boxes(visit) == around([words[6]], visit)  # of the total, not of the coffee


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


def test_boxes_of_a_photo_that_its_file_turns_are_where_it_shows_them(visit, words):
    data, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6  # to be shown a quarter turn clockwise
    with Image.open(RECEIPT) as receipt:
        lying = receipt.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    lying.save(data, "JPEG", exif=turned, quality=95)
    visit.choose({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()})
    check(visit, "Transcribe")
    assert boxes(visit) == around(words, visit)


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

"""`make screenshots`: the page of `smolvlm serve`, as PNG files in build/screenshots."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from tests.support.documents import document
from tests.support.ocr import longer_receipt
from tests.support.paths import RECEIPT, ROOT, SHAPES
from tests.support.pdf_pages import lines, page
from tests.support.serve_page import MISSING, Visit, browser
from tests.support.serve_servers import served

FOLDER = ROOT / "build" / "screenshots"
LETTER = ROOT / "examples" / "tour_images" / "letter.png"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 780}


def empty(visit: Visit) -> None:
    """Nothing has been chosen."""


def described(visit: Visit) -> None:
    visit.choose(SHAPES)
    visit.ask("Describe")


def compared(visit: Visit) -> None:
    visit.choose(SHAPES)
    visit.page.get_by_label("Compare with").check()
    visit.page.get_by_label("Other resolution").select_option("1")
    visit.page.get_by_role("radio", name="Choices").check(force=True)
    visit.page.get_by_label("Choices, one a line").fill("red\ngreen\nblue")
    visit.ask("Choices", "What color is the triangle?")


def on_a_pdf(visit: Visit) -> None:
    sheet = page(lines("INVOICE 2026\nTOTAL 41.20", size=48, top=640))
    visit.choose({"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": sheet})
    visit.ask("Transcribe")
    several = document(3, content=b"0 0 1 rg 150 420 300 240 re f")
    visit.choose({"name": "three.pdf", "mimeType": "application/pdf", "buffer": several})
    visit.page.get_by_role("button", name="Next page").click()
    visit.page.get_by_role("img", name="three.pdf, page 2").wait_for()
    visit.planned()
    visit.ask("Yes or no", "Is there a square?")


def fields(visit: Visit) -> None:
    visit.choose(RECEIPT)
    for name, kind in (("items", "integer"), ("shop", "string")):
        visit.page.get_by_role("radio", name="Fields").check(force=True)
        visit.page.get_by_role("button", name="Add a field").click()
        visit.page.locator("#fields input").last.fill(name)
        visit.page.locator("#fields select").last.select_option(kind)
    visit.ask("Fields")
    visit.page.get_by_role("button", name="Copy as Python").click()


def unsure(visit: Visit) -> None:
    visit.choose(LETTER)
    visit.page.get_by_label("1 tile", exact=True).check()
    visit.page.get_by_label("As coarse as the model gets it").check()
    visit.ask("Transcribe")


def checked(visit: Visit) -> None:
    visit.choose(RECEIPT)
    transcribe_checked(visit)
    visit.page.locator(".rows").focus()
    visit.page.keyboard.press("ArrowDown")


def differing(visit: Visit) -> None:
    """A receipt with a line in another type, which this model misreads."""
    data = BytesIO()
    longer_receipt().save(data, "PNG")
    visit.choose({"name": "receipt.png", "mimeType": "image/png", "buffer": data.getvalue()})
    transcribe_checked(visit)
    visit.page.locator(".rows").focus()
    for _ in range(3):
        visit.page.keyboard.press("ArrowDown")


def small(visit: Visit) -> None:
    """A page of print that OCR can read, and this model cannot."""
    visit.choose(LETTER)
    transcribe_checked(visit)


def transcribe_checked(visit: Visit) -> None:
    visit.page.get_by_role("radio", name="Transcribe").check(force=True)
    visit.page.get_by_label("Check with OCR").check()
    visit.ask("Transcribe")


def printed(visit: Visit) -> None:
    visit.choose(RECEIPT)
    visit.page.get_by_role("radio", name="Fields").check(force=True)
    visit.page.get_by_role("button", name="Add a field").click()
    visit.page.locator("#fields input").last.fill("shop")
    visit.page.get_by_label("Check with OCR").check()
    visit.ask("Fields")


def failed(visit: Visit) -> None:
    described(visit)
    visit.drop(b"hello", "notes.txt", "text/plain")
    visit.page.get_by_role("alert").wait_for()


def figures(visit: Visit) -> None:
    visit.choose(SHAPES)
    visit.page.get_by_role("button", name="Figures").click()
    for question in ("Is there a circle?", "Is there a square?", "Is there a red triangle?"):
        visit.ask("Yes or no", question)
        visit.page.wait_for_timeout(2100)  # as often as they are looked up


SCENES: dict[str, tuple[Callable[[Visit], None], str, dict[str, int]]] = {
    "empty": (empty, "light", WIDE),
    "light": (described, "light", WIDE),
    "dark": (described, "dark", WIDE),
    "narrow": (described, "light", NARROW),
    "narrow-compare": (compared, "dark", NARROW),
    "compare": (compared, "light", WIDE),
    "pdf": (on_a_pdf, "light", WIDE),
    "fields": (fields, "dark", WIDE),
    "unsure": (unsure, "light", WIDE),
    "checked": (checked, "light", WIDE),
    "checked-dark": (checked, "dark", WIDE),
    "checked-narrow": (checked, "light", NARROW),
    "checked-differing": (differing, "light", WIDE),
    "checked-differing-dark": (differing, "dark", WIDE),
    "checked-small": (small, "light", WIDE),
    "checked-fields": (printed, "dark", WIDE),
    "error": (failed, "light", WIDE),
    "metrics": (figures, "light", WIDE),
}


def main(names: list[str]) -> None:
    """Draw the named scenes, or all."""
    if MISSING:
        sys.exit(f"no screenshots: {', '.join(MISSING)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served("--model", "embedded:fp32") as url, browser() as chromium:
        for name in names or SCENES:
            print(draw(chromium, url, name).relative_to(ROOT))


def draw(chromium: object, url: str, name: str) -> Path:
    """Draw one."""
    scene, theme, size = SCENES[name]
    visit = Visit(chromium, url, color_scheme=theme, viewport=size)
    scene(visit)
    visit.page.mouse.move(0, 0)
    path = FOLDER / f"{name}.png"
    visit.page.screenshot(path=path, full_page=True)
    visit.close()
    return path


if __name__ == "__main__":
    main(sys.argv[1:])

"""A real Chromium without a window, and what a person does to the page of `smolvlm serve` in it."""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
from collections.abc import Iterator
from typing import Any

from PIL import Image

from tests.support.paths import RECEIPT, SHAPES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CIRCLE = "What color is the circle?"
TOKEN = "a-token-of-these-tests"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_GIVE = """([name, type, coded, event]) => {
  const bytes = Uint8Array.from(atob(coded), (char) => char.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const target = document.getElementById("drop");
  const about = { bubbles: true, cancelable: true };
  target.dispatchEvent(event === "paste"
    ? new ClipboardEvent(event, { ...about, clipboardData: data })
    : new DragEvent(event, { ...about, dataTransfer: data }));
}"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser, as Playwright's synchronous API has it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS])
        yield browser
        browser.close()


def give(page: Any, data: bytes, name: str, kind: str = "image/png", event: str = "drop") -> None:
    """Drop or paste a file onto the page."""
    page.evaluate(_GIVE, [name, kind, base64.b64encode(data).decode(), event])


def open_shapes(page: Any) -> None:
    """Choose the picture of coloured shapes, and wait for its tiles."""
    page.set_input_files("#file", SHAPES)
    page.wait_for_selector("#grid span")


def choose(page: Any, kind: str) -> None:
    """Choose what to do by the name on its button."""
    page.get_by_role("radio", name=kind, exact=True).check(force=True)


def ask(page: Any, question: str) -> None:
    """Write a question, ask it and wait until every answer is there."""
    page.fill("#question", question)
    page.click("#go")
    finish(page)


def finish(page: Any) -> None:
    """Wait until nothing is being answered any more."""
    page.wait_for_selector("#go:enabled")


def answers(page: Any) -> list[str]:
    """What is said, of one answer or two."""
    return page.locator(".said").all_text_contents()


def two_pages() -> bytes:
    """A PDF: the receipt, then the shapes."""
    out = io.BytesIO()
    with Image.open(RECEIPT) as receipt, Image.open(SHAPES) as shapes:
        second = shapes.convert("RGB")
        receipt.convert("RGB").save(out, "pdf", save_all=True, append_images=[second])
    return out.getvalue()

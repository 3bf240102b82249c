"""The page of `smolvlm serve` in a real browser, and what a person does with it."""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.gated import PATIENCE

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MISSING = [
    *([] if CHROMIUM else ["no chromium on the PATH"]),
    *(
        f"the package {name} is not installed"
        for name in ("playwright", "axe_playwright_python")
        if find_spec(name) is None
    ),
]
browser_only = pytest.mark.skipif(bool(MISSING), reason=", ".join(MISSING))

_TRANSFER = """([encoded, name, type]) => {
  const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS])
        try:
            yield found
        finally:
            found.close()


class Visit:
    """A person at the page.

    Attributes:
        page: Playwright's.
        asked: addresses of all requests so far.
        faults: what the page threw, and violations of its policy (CSP).
        head: the response to the page itself.

    Args:
        wait: until it knows which models are served.
        options: of Playwright's context, such as the window's size.
    """

    def __init__(self, chromium: Any, url: str, *, wait: bool = True, **options: Any) -> None:
        self._context = chromium.new_context(**({"color_scheme": "light"} | options))
        self.page = self._context.new_page()
        self.page.set_default_timeout(15_000)
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._hear)
        self.head = self.page.goto(url + "/")
        if wait:
            self.page.locator("#model option").first.wait_for(state="attached")

    def _hear(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def close(self) -> None:
        self._context.close()

    def choose(self, file: Path | dict[str, Any]) -> None:
        """Choose a file, and wait until it is shown and planned."""
        self.page.set_input_files("#file", file)
        self.planned()

    def planned(self) -> None:
        self.page.locator("#plans tbody tr").first.wait_for()
        self.page.locator("#frame :is(img, canvas, .blank)").wait_for()

    def drop(self, data: bytes, name: str, kind: str) -> None:
        """Drop a file on the page."""
        target = "#stage"
        event = {"dataTransfer": self._transfer(data, name, kind)}
        for each in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event(target, each, event)

    def paste(self, data: bytes, name: str, kind: str) -> None:
        """Paste a file, as from a screenshot."""
        self.page.evaluate(
            "(clipboardData) => document.dispatchEvent(new ClipboardEvent('paste', "
            "{ clipboardData, bubbles: true, cancelable: true }))",
            self._transfer(data, name, kind),
        )

    def _transfer(self, data: bytes, name: str, kind: str) -> Any:
        encoded = base64.b64encode(data).decode()
        return self.page.evaluate_handle(_TRANSFER, [encoded, name, kind])

    def ask(self, kind: str, question: str | None = None) -> None:
        """Ask a question of this kind, and wait for the answer to be whole."""
        self.page.get_by_role("radio", name=kind, exact=True).check(force=True)
        if question is not None:
            self.page.get_by_role("textbox", name="Question").fill(question)
        self.page.locator("#send").click()
        self.answered()

    def answered(self) -> None:
        self.page.locator("#copy").wait_for(timeout=1000 * PATIENCE)

    @property
    def answers(self) -> list[str]:
        """The words of the answers."""
        return self.page.locator(".reply").all_text_contents()

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

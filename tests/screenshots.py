"""Pictures of the page of `smolvlm serve` in build/screenshots, for people to look at.

`make screenshots` runs this: the real command with the embedded model, in a real Chromium.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.browser import (
    CIRCLE,
    ask,
    choose,
    chromium,
    finish,
    give,
    open_shapes,
    two_pages,
)
from tests.support.paths import ROOT
from tests.support.serve_servers import served

FOLDER = ROOT / "build" / "screenshots"


def _asked(page: Any) -> None:
    open_shapes(page)
    ask(page, CIRCLE)
    page.click("text=How sure of each word")


def _compare(page: Any) -> None:
    open_shapes(page)
    page.check("#compare")
    choose(page, "Choices")
    page.fill("#choices", "red\nblue\ngreen")
    ask(page, CIRCLE)


def _pdf(page: Any) -> None:
    give(page, two_pages(), "two.pdf", "application/pdf")
    page.wait_for_selector("#pages:visible")
    choose(page, "Fields")
    page.get_by_label("Name of the field").fill("total")
    page.get_by_label("Type of the field").select_option("number")
    page.click("#go")
    finish(page)


def _metrics(page: Any) -> None:
    _asked(page)
    page.click("#copy summary")
    page.click("#history summary")
    page.click("#metrics summary")
    page.wait_for_timeout(7_000)  # the line needs a few points


SHOTS = {
    "light": ("light", 1280, _asked),
    "dark": ("dark", 1280, _asked),
    "narrow": ("light", 360, _asked),
    "compare": ("light", 1280, _compare),
    "pdf": ("dark", 1280, _pdf),
}
"""Theme, width in pixels and what is done first."""
BUDGETED = {"metrics": ("light", 1280, _metrics)}
"""Of a server with a memory budget, which is of one model."""


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for shots, flags in (
            (SHOTS, ("--model", "embedded:fp32")),
            (BUDGETED, ("--memory-budget", "900MB")),
        ):
            with served(*flags) as url:
                for name, shot in shots.items():
                    _take(browser, url, name, *shot)


def _take(
    browser: Any, url: str, name: str, theme: str, width: int, act: Callable[[Any], None]
) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 860}, color_scheme=theme, reduced_motion="reduce"
    )
    page.goto(url)
    page.wait_for_selector("#model option", state="attached")
    act(page)
    page.wait_for_timeout(500)  # the table of plans is asked for anew after an answer
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    page.close()
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()

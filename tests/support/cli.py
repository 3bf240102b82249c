"""What the tests of the command line have in common."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from smolvlm_tools import VisionResult

REPLY = "Ein [bold]rotes[/bold] Quadrat: ~50 €, sehr [red]lang[/] und ohne Umbruch " * 3


def only_line(text: str) -> str:
    assert text.endswith("\n") and text.count("\n") == 1, text
    return text[:-1]


def place_and_result(entry: dict[str, Any]) -> tuple[tuple[Any, Any, Any], VisionResult]:
    """What an entry of --json is about (image, page, pages), and the result in it."""
    rest = dict(entry)
    place = rest.pop("image"), rest.pop("page"), rest.pop("pages")
    return place, VisionResult.model_validate(rest)


def broken_images(folder):
    (folder / "text.png").write_text("no image")
    (folder / "empty.png").touch()
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(whole, "JPEG")
    (folder / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "folder").mkdir()
    return [folder / name for name in ("text.png", "empty.png", "cut.jpg", "folder", "missing.png")]

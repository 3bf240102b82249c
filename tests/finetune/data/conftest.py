"""A folder with pictures, and a writer of data files in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures that differ: pictures/0.png to 4.png."""
    (tmp_path / "pictures").mkdir()
    for at in range(5):
        image = Image.new("RGB", (40, 30), "white")
        ImageDraw.Draw(image).rectangle((at, at, at + 10, at + 10), fill="red")
        image.save(tmp_path / "pictures" / f"{at}.png")
    return tmp_path


@pytest.fixture
def write(folder):
    """Write rows as JSONL, or as one JSON array where the name ends in .json."""

    def write(*rows, name="train.jsonl") -> Path:
        path = folder / name
        if name.endswith(".json"):
            path.write_text(json.dumps(rows, indent=1))
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write

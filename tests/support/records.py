"""Records, and small folders of images to make them of."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from smolvlm_tools.ingest import Record, read_parquet
from smolvlm_tools.ingest.record import as_json
from tests.support.cpus import SAME

parquet_only = pytest.mark.skipif(
    find_spec("pyarrow") is None, reason="pyarrow, the extra `parquet`, is not installed"
)
NAMES = ("red", "green", "blue", "orange", "black")


def record(number: int, **more: Any) -> Record:
    """One of many records."""
    return Record(**{"id": f"{number:032x}", "source": f"{number}.png", **more})


def draw_folder(folder: Path, count: int) -> Path:
    """A folder of different small images, with a line of print each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = Image.new("RGB", (96, 64), "white")
        draw = ImageDraw.Draw(image)
        draw.ellipse((8 + number, 24, 40 + number, 56), fill=NAMES[number % len(NAMES)])
        draw.text((4, 4), f"number {number}", fill="black")
        image.save(folder / f"{number:04}.png")
    return folder


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file, as JSON."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def by_id(path: Path) -> dict[str, dict[str, Any]]:
    """The records of an output by their ids, none of which may stand there twice."""
    is_parquet = path.suffix == ".parquet"
    all_of_it = [as_json(each) for each in read_parquet(path)] if is_parquet else read_lines(path)
    found = {each["id"]: _nearly(each) for each in all_of_it}
    assert len(found) == len(all_of_it)
    return found


class _Near(float):
    """A number that equals those about as large."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(float(self) - float(other)) <= SAME

    __hash__ = float.__hash__


def _nearly(value: Any) -> Any:
    """JSON whose fractions need not be the same to the last digit."""
    if isinstance(value, dict):
        return {name: _nearly(each) for name, each in value.items()}
    return _Near(value) if isinstance(value, float) else value


def draw_troubles(folder: Path) -> Path:
    """A folder with equal files, broken ones, a document of three pages and a blank one."""
    draw_folder(folder, 5)
    (folder / "0001b.png").write_bytes((folder / "0004.png").read_bytes())
    (folder / "0009.png").write_bytes((folder / "0002.png").read_bytes())
    (folder / "broken.png").write_bytes(b"no image at all")
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (64, 64), "white").save(folder / "blank.png")
    pages = [Image.open(folder / f"000{number}.png") for number in (0, 1, 3)]
    pages[0].save(folder / "scan.tif", save_all=True, append_images=pages[1:])
    return folder

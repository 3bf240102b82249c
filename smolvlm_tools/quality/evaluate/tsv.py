"""VLMEvalKit's tables: tab-separated, images as base64, gigabytes long.

The file is read once for the places of its rows; then each row is read from its place, so that one
is in memory at a time. A short `image` is the index of the row that has the image.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ...errors import BadOptions
from ...images import ImageSource
from .samples import Sample

Row: TypeAlias = Mapping[str, str]
ReadRow: TypeAlias = Callable[[Row, tuple[ImageSource, ...]], Sample]

SHORTEST_IMAGE = 64
"""Characters; what is not longer is the index of another row."""
_LONGEST_CELL = 1 << 30
"""Characters; the limit of the `csv` module is 131,072, and one for the whole process."""
_CHUNK = 1 << 20


@dataclass
class TsvSource:
    """The rows of a table that have an image and belong to a split.

    Args:
        path: the file.
        form: makes a sample of a row.
        split: only rows that have this in the column "split"; "" for all.

    Raises:
        BadOptions: the file cannot be read, lacks a column, or has no rows.
    """

    path: Path
    form: ReadRow
    split: str = ""
    left_out: int = 0
    _digest: str = ""
    _head: list[str] = field(default_factory=list[str])
    _places: list[int] = field(default_factory=list[int])
    _lenders: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        with _opened(self.path) as file:
            for place, row in self._rows(file):
                image = row.get("image", "")
                if SHORTEST_IMAGE < len(image):
                    self._lenders[row["index"]] = place
                in_split = not self.split or row.get("split", "") == self.split
                if image and in_split:
                    self._places.append(place)
                else:
                    self.left_out += 1
        if not self._places:
            raise BadOptions(f"{str(self.path)!r} has no rows with images", "Name another file.")

    def __len__(self) -> int:
        return len(self._places)

    @property
    def digest(self) -> str:
        if not self._digest:
            self._digest = md5_of(self.path)
        return self._digest

    def read(self, numbers: Sequence[int], /) -> Iterator[Sample]:
        with _opened(self.path) as file:
            for number in numbers:
                row = self._row(file, self._places[number])
                yield self.form(row, self._images(file, row))

    def _images(self, file: BinaryIO, row: Row) -> tuple[ImageSource, ...]:
        text = row["image"]
        if len(text) <= SHORTEST_IMAGE:
            lender = self._lenders.get(text)
            if lender is None:
                raise BadOptions(
                    f"row {row['index']} of {self.path.name} has the image of row {text!r}, which "
                    "has none",
                    "Fetch the file anew.",
                )
            text = self._row(file, lender)["image"]
        return tuple(f"data:;base64,{piece}" for piece in listed(text))

    def _row(self, file: BinaryIO, place: int) -> Row:
        file.seek(place)
        cells = next(csv.reader(_lines(file), delimiter="\t"))
        return self._named(cells, place)

    def _rows(self, file: BinaryIO) -> Generator[tuple[int, Row]]:
        """Every row and the byte at which it begins."""
        reader = csv.reader(_lines(file), delimiter="\t")
        try:
            self._head = next(reader, [])
            missing = {"index", "question", "image"} - set(self._head)
            if missing:
                raise BadOptions(
                    f"{str(self.path)!r} has no column {', '.join(sorted(missing))}",
                    "Name a table as VLMEvalKit publishes it.",
                )
            place = file.tell()
            for cells in reader:
                if cells:
                    yield place, self._named(cells, place)
                place = file.tell()
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadOptions(
                f"{str(self.path)!r} is damaged ({error})", "Fetch the file anew."
            ) from error

    def _named(self, cells: Sequence[str], place: int) -> Row:
        if len(cells) != len(self._head):
            raise BadOptions(
                f"the row at byte {place} of {str(self.path)!r} has {len(cells)} cells instead of "
                f"{len(self._head)}",
                "Fetch the file anew.",
            )
        return dict(zip(self._head, cells, strict=True))


def listed(text: str) -> list[str]:
    """The items of a Python list of texts without escapes, such as base64; else the text alone."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return [text]
    items = (item.strip().strip("'\"") for item in text[1:-1].split(","))
    return [item for item in items if item]


def md5_of(path: Path) -> str:
    """By which VLMEvalKit knows its tables; it guards against damage, not against malice."""
    found = hashlib.md5(usedforsecurity=False)
    with _opened(path) as file:
        while piece := file.read(_CHUNK):
            found.update(piece)
    return found.hexdigest()


def _opened(path: Path) -> BinaryIO:
    csv.field_size_limit(min(_LONGEST_CELL, sys.maxsize))
    try:
        return path.open("rb")
    except OSError as error:
        raise BadOptions(
            f"{str(path)!r} cannot be read ({error.strerror})", "Name a file that is there."
        ) from None


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines without reading ahead of them, so that `tell` says where the next one begins."""
    while line := file.readline():
        yield line.decode("utf-8")

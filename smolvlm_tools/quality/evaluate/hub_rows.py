"""Data sets in the hub's parquet form: images as structs of bytes and a path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, cast

from ...checkpoint.digests import digest_file
from ...errors import BadOptions
from ...images import ImageSource
from .samples import Sample

ReadRow: TypeAlias = Callable[[Mapping[str, Any], tuple[ImageSource, ...]], Sample]

_AT_ONCE = 8
"""Rows in memory; a page is a few MB."""


@dataclass
class ParquetSource:
    """The rows of parquet files that have an image, one file after the other.

    Args:
        paths: the files.
        form: makes a sample of a row.
        images: columns with images, of which a row may lack some.

    Raises:
        BadOptions: pyarrow is missing, a file cannot be read, or lacks a column of images.
    """

    paths: Sequence[Path]
    form: ReadRow
    images: Sequence[str] = ("image",)
    left_out: int = 0
    _digest: str = ""
    _files: list[Any] = field(default_factory=list[Any])
    _kept: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """File and row of every sample."""

    def __post_init__(self) -> None:
        for number, path in enumerate(self.paths):
            file = _opened(path)
            columns = [name for name in self.images if name in file.schema_arrow.names]
            if not columns:
                raise BadOptions(
                    f"{str(path)!r} has no column {self.images[0]}",
                    "Name a data set with images, as the hub publishes it.",
                )
            self._files.append(file)
            at = 0
            # Whether there is an image is read from its path and length, not from its bytes.
            for batch in file.iter_batches(_AT_ONCE, columns=columns):
                there = [column.is_valid().to_pylist() for column in batch.columns]
                for has in zip(*there, strict=True):
                    if any(has):
                        self._kept.append((number, at))
                    else:
                        self.left_out += 1
                    at += 1

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def digest(self) -> str:
        if not self._digest:
            each = "".join(digest_file(path).sha256 for path in self.paths)
            self._digest = hashlib.sha256(each.encode()).hexdigest()
        return self._digest

    def read(self, numbers: Sequence[int], /) -> Iterator[Sample]:
        wanted = iter([self._kept[number] for number in numbers])
        place = next(wanted, None)
        for number, file in enumerate(self._files):
            at = 0
            for batch in file.iter_batches(_AT_ONCE):
                while place is not None and place[0] == number and place[1] < at + len(batch):
                    row = batch.slice(place[1] - at, 1).to_pylist()[0]
                    yield self.form(row, self._images(row))
                    place = next(wanted, None)
                if place is None:
                    return
                at += len(batch)

    def _images(self, row: Mapping[str, Any]) -> tuple[ImageSource, ...]:
        found = (row.get(name) for name in self.images)
        return tuple(_bytes(image) for image in found if image is not None)


def _bytes(image: object) -> bytes:
    """The bytes of `{"bytes": …, "path": …}`; a path alone names a file that is not published."""
    if isinstance(image, Mapping):
        image = cast("Mapping[str, object]", image).get("bytes")
    return image if isinstance(image, bytes) else b""


def _opened(path: Path) -> Any:
    try:
        parquet = import_module("pyarrow.parquet")
        pyarrow = import_module("pyarrow")
    except ImportError as error:
        raise BadOptions(
            f"Parquet needs pyarrow ({error})", "Run `pip install 'smolvlm-tools[parquet]'`."
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise BadOptions(
            f"{str(path)!r} cannot be read as Parquet ({error})", "Fetch the file anew."
        ) from error

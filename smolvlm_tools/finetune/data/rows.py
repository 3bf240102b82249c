"""Rows of a data file: where each begins and ends, and the row itself when it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ...errors import BadSamples

Row: TypeAlias = Mapping[str, Any]


class Rows(Protocol):
    """Rows in the order of their file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Row:
        """A row, read from disk.

        Raises:
            BadSamples: it cannot be read as one.
        """
        ...

    def place(self, index: int) -> str:
        """Where a person finds it, such as "train.jsonl:12"."""
        ...


class FileRows:
    """Rows of one file by their offsets: 24 bytes of memory each, however long they are.

    Args:
        path: the file.
        parse: from the bytes of a row to the row; raises `BadSamples`.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], Row]) -> None:
        self._path, self._parse = path, parse
        self._starts, self._ends, self._lines = array("Q"), array("Q"), array("Q")

    def add(self, start: int, end: int, line: int) -> None:
        """Take in a row from byte `start` to `end`, which begins in a line counted from 1."""
        self._starts.append(start)
        self._ends.append(end)
        self._lines.append(line)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Row:
        start, end = self._starts[index], self._ends[index]
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                data = file.read(end - start)
        except OSError as error:
            raise unreadable(self._path, error) from error
        if len(data) != end - start:
            raise BadSamples(f"{self._path} has become shorter since it was opened", "Run again.")
        return self._parse(data)

    def place(self, index: int) -> str:
        return f"{self._path.name}:{self._lines[index]}"


def unreadable(path: Path, error: OSError) -> BadSamples:
    """The error for a data file that the system doesn't let us read."""
    return BadSamples(
        f"{str(path)!r} cannot be read ({error.strerror})", "Check the path and its permissions."
    )

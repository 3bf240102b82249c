"""Rows of a CSV or TSV file, whose first line names the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...errors import BadSamples
from .rows import FileRows, Row, unreadable

_DELIMITERS = ",;\t"


def find_csv_rows(path: Path) -> FileRows:
    """The rows below the head; a quoted cell may hold line breaks.

    Raises:
        BadSamples: there is no head, or a column has no name or that of another one.
    """
    try:
        with path.open("rb") as file:
            records = _records(file)
            first = next(records, None)
            if first is None:
                raise BadSamples(f"{path.name} is empty", "Its first line names the columns.")
            head, delimiter = _head(first[0], path)
            rows = FileRows(path, partial(_parse, head, delimiter))
            for data, start, line in records:
                rows.add(start, start + len(data), line)
    except OSError as error:
        raise unreadable(path, error) from error
    return rows


def _records(file: io.BufferedReader) -> Iterator[tuple[bytes, int, int]]:
    """Each record that isn't blank, its offset, and its first line; quotes hold lines together."""
    start, data, first, is_open = 0, b"", 1, False
    for number, line in enumerate(file, 1):
        if not data:
            first = number
        data += line
        is_open ^= bool(line.count(b'"') % 2)
        if not is_open:
            if data.strip():
                yield data, start, first
            start += len(data)
            data = b""
    if data:  # a quote that is never closed: the reader says so
        yield data, start, first


def _head(data: bytes, path: Path) -> tuple[list[str], str]:
    text = _decoded(data)
    delimiter = max(_DELIMITERS, key=text.count)
    head = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    if not all(head) or len(set(head)) < len(head):
        raise BadSamples(
            f"{path.name}:1 names the columns {', '.join(map(repr, head))}",
            "Give every column a name of its own.",
        )
    return head, delimiter


def _parse(head: list[str], delimiter: str, data: bytes) -> Row:
    try:
        text = io.StringIO(_decoded(data), newline="")
        (cells,) = csv.reader(text, delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise BadSamples(f"not a row of CSV ({error})", "Check its quotes.") from None
    if len(cells) != len(head):
        raise BadSamples(
            f"{len(cells)} cells in a table of {len(head)} columns",
            "Quote cells that hold the delimiter.",
        )
    return dict(zip(head, cells, strict=True))


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSamples(f"not UTF-8 (byte {error.start})", "Save it as UTF-8.") from None

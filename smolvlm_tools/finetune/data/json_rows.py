"""Rows of JSON: one on each line (JSONL), or the objects of one array."""

from __future__ import annotations

import json
import mmap
import re
from pathlib import Path
from typing import Any, cast

from ...errors import BadSamples
from .rows import FileRows, Row, unreadable

_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Whole strings, so that brackets inside of them don't count."""

_BLANK = b" \t\r\n\xef\xbb\xbf,"


def find_json_lines(path: Path) -> FileRows:
    """The rows of a JSONL file; blank lines are none."""
    rows = FileRows(path, parse_json)
    start = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip(_BLANK):
                    rows.add(start, start + len(line), number)
                start += len(line)
    except OSError as error:
        raise unreadable(path, error) from error
    return rows


def find_json_elements(path: Path) -> FileRows:
    """The elements of a JSON array; the file is mapped, not read into memory.

    Raises:
        BadSamples: the array isn't closed, or holds something else than objects.
    """
    rows = FileRows(path, parse_json)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _find_elements(data, rows, path)
    except OSError as error:
        raise unreadable(path, error) from error
    return rows


def _find_elements(data: mmap.mmap, rows: FileRows, path: Path) -> None:
    depth = start = counted = 0
    line = 1
    after = data.find(b"[") + 1  # the last element's end, or where the first may begin
    for found in _STRING_OR_BRACKET.finditer(data):  # pyright: ignore[reportArgumentType]
        mark = found[0][:1]
        if mark in b"[{":
            if depth == 1:
                start = found.start()
                _refuse_values(data[after:start], path)
            depth += 1
        elif mark in b"]}":
            depth -= 1
            if depth == 1:
                line += _newlines(data, counted, start)
                counted, after = start, found.end()
                rows.add(start, after, line)
            elif depth == 0:
                _refuse_values(data[after : found.start()], path)
                _refuse_values(data[found.end() :], path)
                return
    raise BadSamples(f"{path.name} is a JSON array without its end", "Write the file again.")


def _newlines(data: mmap.mmap, start: int, end: int) -> int:
    return data[start:end].count(b"\n")


def _refuse_values(between: bytes, path: Path) -> None:
    """What stands between objects is blank, or else no object."""
    value = between.strip(_BLANK)
    if value:
        shown = value[:40].decode(errors="replace")
        raise BadSamples(
            f"{path.name} has {shown!r} where a sample should be",
            "Each element of the array is an object: see docs/finetune.md.",
        )


def parse_json(data: bytes) -> Row:
    """The object in some bytes.

    Raises:
        BadSamples: it is none.
    """
    try:
        found: Any = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadSamples(f"not UTF-8 (byte {error.start})", "Save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise BadSamples(f"not JSON ({error})", "One sample is one JSON object.") from None
    if not isinstance(found, dict):
        what = type(found).__name__
        raise BadSamples(f"a JSON {what} where an object should be", "See docs/finetune.md.")
    return cast("Row", found)

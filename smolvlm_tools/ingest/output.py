"""Where records go, and the first of such places: JSONL, a line as soon as it is known.

A file is healed when it is opened: a line that a kill cut off is dropped, and of two lines with the
same id the later one stays. Only one run may write to an output at a time.
"""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BadOptions
from ..machine.closing import Closing
from ..machine.full_disk import full_disk
from .record import VERSION, Record, as_json

_BEGIN = b'{"version": %d, "id": "' % VERSION
"""Of every line."""


class Written(NamedTuple):
    """A record that stands in an output."""

    id: str
    source: str
    failed: bool


class Output(Closing):
    """Records in one place."""

    @abstractmethod
    def written(self) -> Iterator[Written]:
        """What stands there already."""

    @abstractmethod
    def write(self, record: Record) -> None:
        """Add a record. When this returns, it is there, or waits for others until `close`.

        Raises:
            StoreFull: the disk is full.
        """

    @abstractmethod
    def settle(self, is_stale: Callable[[Written], bool]) -> int:
        """Drop records that are stale, and all but the last with the same id; returns how many."""


class JsonLines(Output):
    """A file with a record on each line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with full_disk(path):
            self._file = path.open("ab", buffering=0)
        try:
            self.settle(lambda about: False)
        except BaseException:  # Ctrl-C too: nobody has the object yet that would close it
            self._file.close()
            raise

    def written(self) -> Iterator[Written]:
        for _, record in self._records():
            yield _about(record)

    def write(self, record: Record) -> None:
        line = json.dumps(as_json(record), ensure_ascii=False) + "\n"
        data = memoryview(line.encode("utf-8", "backslashreplace"))
        end = self._file.seek(0, os.SEEK_END)
        with full_disk(self.path):
            try:
                while data:
                    data = data[self._file.write(data) :]
            except OSError:
                self._file.truncate(end)  # half a record is none
                raise

    def settle(self, is_stale: Callable[[Written], bool]) -> int:
        last: dict[str, int] = {}
        count = whole = 0
        for count, (line, record) in enumerate(self._records(), 1):
            whole += len(line)
            about = _about(record)
            last[about.id] = 0 if is_stale(about) else count
        dropped = count - sum(place > 0 for place in last.values())
        if dropped or whole < self.path.stat().st_size:
            numbered = enumerate(self._records(), 1)
            self._rewrite(line for place, (line, record) in numbered if last[record["id"]] == place)
        return dropped

    def close(self) -> None:
        self._file.close()

    def _records(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and _may_be_cut(line):
                    return
                try:
                    record = json.loads(line)
                    _about(record)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise BadOptions(
                        f"line {number} of {str(self.path)!r} is no record of ours",
                        "Name another file; this one would be written over.",
                    ) from error
                if not line.endswith(b"\n"):
                    return  # all of it is there but its end
                yield line, record

    def _rewrite(self, lines: Iterator[bytes]) -> None:
        part = self.path.with_name(self.path.name + ".part")
        with full_disk(part):
            try:
                with part.open("wb") as file:
                    file.writelines(lines)
                    file.flush()
                    os.fsync(file.fileno())
                self._file.close()
                os.replace(part, self.path)
            except BaseException:  # Ctrl-C too: nothing half-written stays behind
                part.unlink(missing_ok=True)
                raise
            self._file = self.path.open("ab", buffering=0)


def _may_be_cut(line: bytes) -> bool:
    """Whether a last line without an end may be what a kill or power cut left of a record."""
    begin = line[: len(_BEGIN)]
    return _BEGIN.startswith(begin) or not line.strip(b"\0")


def _about(record: dict[str, Any]) -> Written:
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']}")
    return Written(record["id"], record["source"], record["error"] is not None)

"""`log.jsonl`: a line for every step, also over a run that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from ...machine.closing import Closing
from ...machine.full_disk import full_disk
from ...machine.whole_file import write_whole
from ..records import StepRecord


class StepLog(Closing):
    """Writes steps as they come, each at once to disk.

    A run that goes on from a saved state repeats the steps after it; the lines that they had
    before are replaced.

    Args:
        path: the file; it is made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __call__(self, record: StepRecord) -> None:
        """Write a step.

        Raises:
            StoreFull: the disk is full.
            BadOptions: the file may not be written.
        """
        with full_disk(self._path):
            if self._file is None:
                self._file = self._open_after(record.step)
            self._file.write(_line(record))
            self._file.flush()

    def _open_after(self, step: int) -> TextIO:
        kept = [record for record in read_log(self._path) if record.step < step]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, "".join(map(_line, kept)))
        return self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the file; raises as a call does."""
        if self._file is not None:
            with full_disk(self._path):
                self._file.close()


def _line(record: StepRecord) -> str:
    return json.dumps(asdict(record)) + "\n"


def read_log(path: Path) -> list[StepRecord]:
    """The steps in a log; [] where there is none. A last line that a kill has cut is left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return list(_records(text))


def _records(text: str) -> Iterator[StepRecord]:
    for line in text.split("\n")[:-1]:  # what follows the last newline was cut
        yield StepRecord(**json.loads(line))

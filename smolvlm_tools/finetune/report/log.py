"""`log.jsonl`: a line for every step, also over a run that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from ...machine.closing import Closing
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
        """Write a step."""
        if self._file is None:
            self._file = self._open_before(record.step)
        self._file.write(json.dumps(asdict(record)) + "\n")
        self._file.flush()

    def _open_before(self, step: int) -> TextIO:
        kept = [record for record in read_log(self._path) if record.step < step]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("w", encoding="utf-8")
        file.writelines(json.dumps(asdict(record)) + "\n" for record in kept)
        return file

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


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

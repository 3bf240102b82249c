"""Answers on disk as they come, so that a run that was broken off goes on.

The first line of `answers.jsonl` says what they depend on; then comes a line for each sample. A
process that is killed loses at most the line that it was writing, which the next run drops.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout
from pydantic import ValidationError

from ...errors import BadOptions, Busy
from ...machine.closing import Closing
from ...machine.full_disk import full_disk
from ...types.value import Value

FILE = "answers.jsonl"
_VERSION = 1


class KeptAnswer(Value):
    """A line: the reply to a sample, or why there is none."""

    number: int
    reply: str | None = None
    error: str | None = None


class KeptAnswers(Closing):
    """The answers of one run in a folder, which one process at a time may use.

    Args:
        folder: it is made where there is none.
        depends: all that answers depend on; JSON.

    Raises:
        BadOptions: the folder has answers to something else, which the reason names.
        Busy: another process is at it.
        StoreFull: it cannot be written.
    """

    def __init__(self, folder: Path, depends: Mapping[str, Any]) -> None:
        self._path = folder / FILE
        self._head = {"version": _VERSION, **depends}
        with full_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".lock")
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                reason = f"another run writes to {str(folder)!r}"
                raise Busy(reason, "Name another folder.") from None
        try:
            with full_disk(self._path):
                self.answers = self._read()
                self._file: TextIO = self._path.open("a", encoding="utf-8")
                if self._file.tell() == 0:
                    self._write(json.dumps(self._head))
        except BaseException:  # Ctrl-C too: nobody has the object yet that would close it
            self._lock.release()
            raise

    def put(self, answer: KeptAnswer) -> None:
        """Keep an answer; raises StoreFull."""
        self.answers[answer.number] = answer
        with full_disk(self._path):
            self._write(answer.model_dump_json(exclude_none=True))

    def close(self) -> None:
        self._file.close()
        self._lock.release()

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()

    def _read(self) -> dict[int, KeptAnswer]:
        """What is there; a last line that is not whole is cut off the file."""
        if not self._path.exists():
            return {}
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        if not whole:
            return {}
        head, *lines = whole.splitlines()
        self._check(head)
        try:
            found = [KeptAnswer.model_validate_json(line) for line in lines]
        except ValidationError as error:
            raise BadOptions(
                f"{str(self._path)!r} is damaged ({error.errors()[0]['msg']})",
                "Remove it, or name another folder.",
            ) from None
        return {answer.number: answer for answer in found}

    def _check(self, head: bytes) -> None:
        try:
            before = json.loads(head)
        except ValueError:
            before = None
        if not isinstance(before, dict):
            raise BadOptions(
                f"{str(self._path)!r} has no answers of an evaluation", "Name another folder."
            )
        wanted = json.loads(json.dumps(self._head))
        for name in sorted({*before, *wanted}):
            if before.get(name) != wanted.get(name):
                raise BadOptions(
                    f"the answers in {str(self._path.parent)!r} are of another {name}: "
                    f"{before.get(name)!r} instead of {wanted.get(name)!r}",
                    "Name another folder, or repeat the command that began there.",
                )

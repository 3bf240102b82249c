"""Answers kept on disk as they come, so that an interrupted run can go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from benchmarks.command import Notice
from benchmarks.process import Answer
from smolvlm_tools.errors import BadOptions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Job = TypeVar("Job", bound="DataclassInstance")
"""A frozen dataclass of JSON values that says what is measured."""


class Record(Generic[Job]):
    """A file of JSON lines: a header, then an answer per line, with the seconds it took."""

    def __init__(
        self, path: Path, job: type[Job], header: dict[str, Any], *, resume: bool = False
    ) -> None:
        self.answers: dict[Job, Answer] = {}
        self.seconds = 0.0
        self._path = path
        if resume:
            self._read(job, header)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(header) + "\n", encoding="utf-8")

    def _read(self, job: type[Job], header: dict[str, Any]) -> None:
        if not self._path.is_file():
            raise BadOptions(
                f"{self._path} holds no earlier run", "Leave out --resume, or name another file."
            )
        first, *lines = self._path.read_text(encoding="utf-8").splitlines() or ["{}"]
        if json.loads(first) != header:
            raise BadOptions(
                f"{self._path} holds a run with other engines, rounds, versions or checkpoint",
                "Give the same arguments, or start anew.",
            )
        for entry in map(json.loads, lines):
            self.answers[job(**entry["job"])] = entry["answer"]
            self.seconds += entry["seconds"]

    def measure(self, job: Job, measure: Callable[[Job], Answer]) -> Answer:
        """Measure `job` and keep the answer."""
        begun = time.perf_counter()
        answer = measure(job)
        seconds = time.perf_counter() - begun
        self.answers[job] = answer
        self.seconds += seconds
        entry = {"job": asdict(job), "answer": answer, "seconds": seconds}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return answer


def measure_all(
    jobs: Sequence[Job], record: Record[Job], measure: Callable[[Job], Answer], notice: Notice
) -> dict[Job, Answer]:
    """The answers of all jobs, measuring those that the record does not hold yet."""
    for number, job in enumerate(jobs, 1):
        if job not in record.answers:
            notice(f"{number} of {len(jobs)}: {job}")
            record.measure(job, measure)
    return {job: record.answers[job] for job in jobs}

"""Which measurement comes when, and what is kept of it; knows jobs, not what they measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkpoints.files import ROOT
from benchmarks.prompts import write_images
from benchmarks.speed.bars import DEFAULT, LEAN
from benchmarks.speed.engines import cores, is_ours
from benchmarks.speed.measure import GROUPS, NEVER
from benchmarks.speed.rows import Column, Notice
from smolvlm_tools.errors import BadOptions

WORKER_TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much is measured.

    Attributes:
        rounds: of all groups.
        page_rounds: in how many of them the peers' pages are run: they take minutes.
        page_limit_s: a page expected to take longer is summed up from its parts.
        budget_s: after the first round, what would end later is left out.
        long_s: what took longer is run twice at most.
        all_groups: every group for every engine, not only what a bar needs.
    """

    rounds: int
    page_rounds: int
    page_limit_s: float
    budget_s: float
    long_s: float
    all_groups: bool


QUICK = Schedule(
    rounds=5, page_rounds=1, page_limit_s=120, budget_s=780, long_s=120, all_groups=False
)
FULL = Schedule(
    rounds=5, page_rounds=5, page_limit_s=600, budget_s=NEVER, long_s=120, all_groups=True
)


@dataclass(frozen=True, slots=True)
class Job:
    """One process."""

    number: int
    group: str
    engine: str


def jobs(engines: Sequence[str], schedule: Schedule) -> Iterator[Job]:
    """All jobs in order: inside a group the engines take turns, so that noise hits all."""
    for number in range(schedule.rounds):
        for group in GROUPS:
            chosen = [name for name in engines if _wanted(name, group, number, schedule, engines)]
            # every other round backwards: nobody always follows the same neighbour
            for engine in chosen[:: 1 if number % 2 == 0 else -1]:
                yield Job(number, group, engine)


def _wanted(
    engine: str, group: str, number: int, schedule: Schedule, engines: Sequence[str]
) -> bool:
    if group == "page":
        return is_ours(engine) or number < schedule.page_rounds
    if schedule.all_groups or group == "decoder":
        return True
    if group == "cold":
        return number < 1 or is_ours(engine)
    return engine == (DEFAULT if DEFAULT in engines else LEAN)


class Record:
    """The samples of a run on disk, a line per job, so that an interrupted run can go on."""

    def __init__(self, path: Path, header: dict[str, Any], *, resume: bool) -> None:
        self._path = path
        self._done: dict[Job, dict[str, Any]] = {}
        self.seconds = 0.0
        if resume:
            self._read(header)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(header) + "\n", encoding="utf-8")

    def _read(self, header: dict[str, Any]) -> None:
        if not self._path.is_file():
            raise BadOptions(f"there is no run to resume at {self._path}", "Leave out --resume.")
        lines = self._path.read_text(encoding="utf-8").splitlines()
        if json.loads(lines[0]) != header:
            raise BadOptions(
                "the interrupted run had other engines, rounds, versions or another checkpoint",
                "Give the same arguments, or leave out --resume.",
            )
        for line in lines[1:]:
            entry = json.loads(line)
            self._done[Job(**entry["job"])] = entry["answer"]
            self.seconds += entry["seconds"]

    def get(self, job: Job) -> dict[str, Any] | None:
        return self._done.get(job)

    def add(self, job: Job, answer: dict[str, Any], seconds: float) -> None:
        entry = {"job": asdict(job), "answer": answer, "seconds": seconds}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def run_benchmark(
    folder: Path,
    engines: Sequence[str],
    schedule: Schedule,
    notice: Notice,
    record: Record,
    columns: list[Column],
    started: float | None = None,
) -> None:
    """Measure the engines in turn; one that cannot run is reported, not an error.

    Args:
        folder: a checkpoint in the hub's layout.
        engines: names, see `engines`.
        schedule: how much to measure.
        notice: takes one line of progress at a time.
        record: what is known already, and where new samples go.
        columns: filled; on Ctrl-C it holds what was measured until then.
        started: `time.perf_counter()` at which the budget began to run; now, when None.
    """
    start = (time.perf_counter() if started is None else started) - record.seconds
    columns.extend(Column(engine, {}) for engine in engines)
    by_engine = {column.engine: column for column in columns}
    took: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory(prefix="smolvlm-bench-") as name:
        write_images(Path(name))
        for job in jobs(engines, schedule):
            column = by_engine[job.engine]
            if column.error is not None:
                continue
            answer = record.get(job)
            if answer is None:
                elapsed = time.perf_counter() - start
                if (
                    job.number
                    and elapsed + took.get((job.group, job.engine), 0) > schedule.budget_s
                ):
                    continue
                where = f"[{elapsed:.0f} s] round {job.number + 1} of {schedule.rounds}"
                notice(f"{where}: {job.group}, {job.engine}")
                begun = time.perf_counter()
                answer = measure_once(job, folder, Path(name), schedule.page_limit_s)
                took[job.group, job.engine] = time.perf_counter() - begun
                record.add(job, answer, took[job.group, job.engine])
            _take(column, job, answer, notice)


def _take(column: Column, job: Job, answer: dict[str, Any], notice: Notice) -> None:
    if "error" not in answer:
        column.add(answer["samples"])
        column.plan = answer.get("plan") or column.plan
    elif column.samples:  # the others of its rows stand
        notice(f"{job.group}, {job.engine}: {answer['error']}")
    else:
        column.error = answer["error"]


def measure_once(job: Job, folder: Path, images: Path, page_limit: float) -> dict[str, Any]:
    """Run one job in a process of its own: `{"samples": …, "plan": …}` or `{"error": text}`."""
    command = [sys.executable, "-m", "benchmarks.speed.worker", job.group, job.engine]
    command += [str(folder), str(images), "--page-limit", str(page_limit)]
    # transformers' and numpy's libraries read it; the others are told the number of cores
    own = {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    environment = {"OMP_NUM_THREADS": str(cores())} | os.environ | own
    begun = time.time()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=WORKER_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took over {WORKER_TIMEOUT_S} s"}
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"error": f"its process ended with code {done.returncode}: {last[0]}"}
    at = answer.get("samples", {}).pop("first_token_at", None)
    if at:
        answer["samples"]["cold"] = [at[0] - begun]
    return answer

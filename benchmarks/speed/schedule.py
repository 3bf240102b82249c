"""Which measurement comes when, and how long a run may take."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import Notice
from benchmarks.process import Answer, measure_fresh
from benchmarks.prompts import write_images
from benchmarks.record import Record
from benchmarks.speed.calls import cores
from benchmarks.speed.engines import DEFAULT, LEAN, is_ours
from benchmarks.speed.measure import GROUPS, NEVER, measure
from benchmarks.speed.others import CpuSeconds
from benchmarks.speed.rows import Column

TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much is measured."""

    rounds: int
    page_rounds: int  # in how many of them the peers' pages are run: they take minutes
    page_limit_s: float  # a page expected to take longer is summed up from its parts
    budget_s: float  # after the first round, what would end later is left out
    all_groups: bool  # for every engine, not only what a bar needs


QUICK = Schedule(rounds=5, page_rounds=1, page_limit_s=120, budget_s=780, all_groups=False)
FULL = Schedule(rounds=5, page_rounds=5, page_limit_s=600, budget_s=NEVER, all_groups=True)


@dataclass(frozen=True, slots=True)
class Job:
    """One process: round number, group of measurements, engine."""

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


def run_benchmark(
    folder: Path,
    engines: Sequence[str],
    schedule: Schedule,
    notice: Notice,
    record: Record[Job],
    columns: list[Column],
    started: float | None = None,
) -> None:
    """Measure the engines in turn; one that cannot run is reported and the others go on.

    Fills `columns`, which on Ctrl-C hold what was measured until then. The budget runs from
    `started` on (`time.perf_counter()`), which is now when None.
    """
    start = (time.perf_counter() if started is None else started) - record.seconds
    columns.extend(Column(engine, {}) for engine in engines)
    by_engine = {column.engine: column for column in columns}
    took: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory(prefix="smolvlm-bench-") as images:
        write_images(Path(images))

        def measure_job(job: Job) -> Answer:
            return measure_once(job, folder, Path(images), schedule.page_limit_s)

        for job in jobs(engines, schedule):
            column, key = by_engine[job.engine], (job.group, job.engine)
            if column.error is not None:
                continue
            if job not in record.answers:
                begun = time.perf_counter()
                elapsed = begun - start
                if job.number and elapsed + took.get(key, 0) > schedule.budget_s:
                    continue
                where = f"[{elapsed:.0f} s] round {job.number + 1} of {schedule.rounds}"
                notice(f"{where}: {job.group}, {job.engine}")
                record.measure(job, measure_job)
                took[key] = time.perf_counter() - begun
            _take(column, job, record.answers[job], notice)


def _take(column: Column, job: Job, answer: Answer, notice: Notice) -> None:
    if "error" not in answer:
        column.add(answer["samples"])
        column.plan = answer.get("plan") or column.plan
        column.others.append((f"{job.group}, round {job.number + 1}", answer.get("others", 0.0)))
    elif column.samples:  # its other rows stand
        notice(f"{job.group}, {job.engine}: {answer['error']}")
    else:
        column.error = answer["error"]


def measure_once(job: Job, folder: Path, images: Path, page_limit: float) -> Answer:
    """Run one job in a fresh process: `{"samples": …, "plan": …}` or `{"error": text}`.

    "others" is the share of the processor that other work took meanwhile.
    """
    arguments = {"group": job.group, "engine": job.engine}
    arguments |= {"folder": str(folder), "images": str(images), "page_limit": page_limit}
    # transformers' and numpy's libraries read it; the others are told the number of cores
    threads = os.environ.get("OMP_NUM_THREADS", str(cores()))
    environment = {"OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
    begun, before = time.time(), CpuSeconds.now()
    answer = measure_fresh(measure, arguments, TIMEOUT_S, environment)
    answer["others"] = CpuSeconds.now().others_since(before)
    if at := answer.get("samples", {}).pop("first_token_at", None):
        answer["samples"]["cold"] = [at[0] - begun]
    return answer

"""`PageWorker`: an actor of Ray Data with an engine, which does files a batch at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...engine.identity import EngineIdentity
from ...engine.shared import SharedEngine
from ...errors import BackendUnavailable, BadOptions, SmolVLMError
from ...images import EncodedImage, ImagePolicy
from ...pages.worker import WorkerPool
from ..ingest import LOOKERS, Reading
from ..known import Known
from ..pipeline import Pipeline
from ..reading import Reader
from ..second_reader import open_recognizer_for
from ..sources import Source, source_at
from ..units import Keys, Unit
from ..wish import Wish
from .desk import DeskLedger
from .reports import Report, failure_json, report_json


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to do.

    Attributes:
        model, load_options: see `SmolVLM.load`.
        keys: with the wish, and the identity of the engines; see `identify`.
        retries: how often a batch is tried again whose worker was killed.
        folder: where relative paths begin; None where there are none.
    """

    model: str | Path
    load_options: Mapping[str, Any]
    keys: Keys
    reading: Reading
    retry_errors: bool
    retries: int
    folder: str | None


class PageWorker:
    """Does batches of files. Its parts are made in the first one, where errors can be told."""

    def __init__(self, plan: Plan, desk: Any) -> None:
        self.plan, self.desk = plan, desk

    def __call__(self, rows: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        """A report for each file of some batches, or what it is that ends the run."""
        try:
            done = [self._reports(json.loads(batch)) for batch in rows["batch"]]
            return {"report": [report_json(report) for reports in done for report in reports]}
        except SmolVLMError as error:
            return {"report": [failure_json(error)]}

    def _reports(self, files: Iterable[tuple[int, str]]) -> list[Report]:
        numbers = {name: number for number, name in files}
        desk, engine, pool = self._parts
        self._count_attempt(desk, list(numbers))
        reader = self._reader()
        pipeline = Pipeline(reader, engine.get, self.plan.reading.workers, LOOKERS, pool.close)
        units: dict[str, list[Unit]] = {name: [] for name in numbers}
        with closing(pipeline.units(map(self._source, numbers))) as finished:
            for unit in finished:
                if unit.is_new and unit.key:
                    reader.known.ledger.put(unit.key, unit.body, failed=unit.failed)
                units[unit.source].append(unit)
        told = {source.name: sha256 for source, sha256, _ in reader.duplicates}
        return [
            Report(number, told[name], None)
            if name in told
            else Report(number, units[name][0].sha256, tuple(units[name]))
            for name, number in numbers.items()
        ]

    def _count_attempt(self, desk: DeskLedger, names: list[str]) -> None:
        """Give up on files that end every worker.

        Raises:
            BackendUnavailable: this has been tried too often.
        """
        attempts = desk.begin(names[0])
        if attempts > self.plan.retries + 1:
            raise BackendUnavailable(
                f"a worker was ended {attempts - 1} times by a batch from {names[0]!r} to "
                f"{names[-1]!r}, perhaps for want of memory",
                "See Ray's logs; give workers more memory, or leave the file out.",
            )

    def _reader(self) -> Reader:
        """Fresh for each batch, as is what it remembers."""
        plan, (ledger, _, pool) = self.plan, self._parts
        known = Known(plan.keys, ledger, plan.retry_errors, plan.reading.password is not None)
        reader = Reader(plan.keys.wish, known, plan.reading.rules, plan.reading.opener(pool))
        reader.firsts = ledger
        return reader

    def _source(self, name: str) -> Source:
        """The file; the driver looks whether it has changed, as only its view is remembered."""

        def read(policy: ImagePolicy) -> EncodedImage:
            return source_at(name, self.plan.reading.storage_options).read(policy)

        return Source(name, read, lambda: None)

    @cached_property
    def _parts(self) -> tuple[DeskLedger, SharedEngine, WorkerPool]:
        plan = self.plan
        go_to(plan.folder)
        engine = SharedEngine(plan.model, **plan.load_options)
        wanted = plan.keys.engine
        if wanted and (has := engine.identity()) != wanted:
            raise BackendUnavailable(
                f"the engine on {os.uname().nodename} would be {has}, elsewhere it is {wanted}",
                "Say backend and precision, so that all are the same.",
            )
        reads, other = recognizer_here(plan.keys.wish), plan.keys.recognizer
        if reads != other:
            raise BackendUnavailable(
                f"pages would be checked by {reads} on {os.uname().nodename}, elsewhere by {other}",
                "Install the same release on all nodes.",
            )
        pool = WorkerPool(plan.reading.workers, plan.reading.rules, plan.reading.limits)
        return DeskLedger(self.desk), engine, pool


def identity_here(
    model: str | Path, options: Mapping[str, Any], folder: str | None
) -> EngineIdentity:
    """The engine's identity, on the machine where this runs.

    Raises:
        BadOptions, ModelError: it cannot be had here.
    """
    go_to(folder)
    return SharedEngine(model, **options).identity()


def recognizer_here(wish: Wish) -> str | None:
    """What would read pages a second time, on the machine where this runs.

    Raises:
        BackendUnavailable: it is not installed here.
    """
    return open_recognizer_for(wish, None)


def go_to(folder: str | None) -> None:
    """Be where relative paths begin.

    Raises:
        BadOptions: there is no such folder here.
    """
    if folder is None:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise BadOptions(
            f"{folder!r} is not on {os.uname().nodename}, where a worker runs ({error.strerror})",
            "Use a file system that all nodes share, or URLs.",
        ) from error

"""`Driver`: hands files to workers, and keeps what they report."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from itertools import islice
from typing import Any

from ...errors import BadOptions, ImageNotFound
from ..keeping import Keeper
from ..known import Known
from ..ledger import Ledger
from ..page_work import failed
from ..sources import Source
from ..summary import Summary
from ..units import Unit
from .cluster import Cluster
from .order import Order
from .reports import Report, read_report
from .worker import PageWorker, Plan

WINDOW = 10_000
"""Files whose names are with the cluster at the same time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that a worker has; with the ledger's key of how it looked from outside before."""

    name: str
    stamp_key: str | None


@dataclass
class Driver:
    """One run.

    Attributes:
        desk: the handle of a `Desk`.
        ledger: the desk's, in this process.
    """

    ray: Any
    cluster: Cluster
    plan: Plan
    desk: Any
    ledger: Ledger
    keeper: Keeper
    _asked: dict[int, Asked] = field(default_factory=dict[int, Asked])

    def run(self, sources: Iterable[Source]) -> Summary:
        """Do all that is not done yet; returns when it is.

        Raises:
            SmolVLMError: what ended it, here or in a worker.
        """
        order = Order(self.known.units, self.ledger.get)
        numbered = enumerate(sources)
        while window := list(islice(numbered, WINDOW)):
            for number, source in window:
                report = self._said(number, source)
                if report:
                    self._finish(order.add(source.name, report))
            with closing(self._reports()) as reports:
                for name, report in reports:
                    self._finish(order.add(name, report))
        self._finish(order.duplicates())
        return self.keeper.settle()

    @cached_property
    def known(self) -> Known:
        """What the ledger has."""
        return Known(self.plan.keys, self.ledger, self.plan.retry_errors)

    def _finish(self, units: Iterable[Unit]) -> None:
        for unit in units:
            self.keeper.finish(unit)

    def _said(self, number: int, source: Source) -> Report | None:
        """What can be said of a file without a worker; None if it is to be asked."""
        if source.missing:
            found = failed(source.missing, self.plan.keys.wish)
            return Report(number, None, (Unit(source.name, None, None, None, None, found),))
        stamp_key = self.known.stamp_key(source)
        if sha256 := self.known.content(stamp_key):
            units = self.known.units(source.name, sha256)
            return Report(number, sha256, tuple(replace(unit, found=()) for unit in units))
        self._asked[number] = Asked(source.name, stamp_key)
        return None

    def _reports(self) -> Generator[tuple[str, Report]]:
        """What workers say of the files of a window, as they finish."""
        for text in self._texts():
            report = read_report(text, lambda number: self._asked[number].name)
            asked = self._asked.pop(report.number)
            if report.sha256 is None:
                self._check_missing(asked.name, report)
            elif asked.stamp_key:
                self.ledger.put(asked.stamp_key, report.sha256)
            yield asked.name, report

    def _texts(self) -> Iterator[str]:
        """The asked files through Ray Data, a block of it for each batch."""
        data = self.ray.data
        pa = import_module("pyarrow")
        rows = [{"number": n, "name": json.dumps(asked.name)} for n, asked in self._asked.items()]
        size = self.cluster.batch
        tables = [pa.Table.from_pylist(rows[at : at + size]) for at in range(0, len(rows), size)]
        if not tables:
            return
        fewest, most = self.cluster.workers
        pool = data.ActorPoolStrategy(min_size=fewest, max_size=most)
        done = data.from_arrow(tables).map_batches(
            PageWorker,
            fn_constructor_kwargs={"plan": self.plan, "desk": self.desk},
            batch_size=size,
            compute=pool,
            **self.cluster.slot,
        )
        for row in done.iter_rows():
            yield row["report"]

    def _check_missing(self, name: str, report: Report) -> None:
        """See that a worker looked where this process does.

        Raises:
            BadOptions: it does not see a file that is here.
        """
        errors = [found.error for unit in report.units or () for found in unit.found]
        codes = [error.code for error in errors if error]
        if ImageNotFound.code in codes and os.path.exists(name):
            raise BadOptions(
                f"{name!r} is here, but not where a worker of Ray runs",
                "Use a file system that all nodes share, or URLs.",
            )

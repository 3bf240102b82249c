"""`Driver`: hands files to workers, and keeps what they report."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeAlias

from ...errors import BadOptions, ImageNotFound
from ..keeping import Keeper
from ..known import Known
from ..page_work import failed
from ..sources import Source
from ..summary import Summary
from ..units import Unit
from .order import Order
from .reports import Report, read_report

WINDOW = 10_000
"""Files whose names are with the cluster at the same time."""

Ask: TypeAlias = Callable[[Mapping[int, str]], Iterator[str]]
"""Names of files by their numbers → reports as text, in any order."""


@dataclass
class Driver:
    """One run.

    Attributes:
        ask: has workers do files.
        known: what the ledger has, into which the workers put what they find.
    """

    ask: Ask
    known: Known
    keeper: Keeper
    _asked: dict[int, str] = field(default_factory=dict[int, str])
    _stamps: dict[int, str] = field(default_factory=dict[int, str])

    def run(self, sources: Iterable[Source]) -> Summary:
        """Do all that is not done yet; returns when it is.

        Raises:
            SmolVLMError: what ended it, here or in a worker.
        """
        order = Order(self.known.units, self.known.ledger.get)
        numbered = enumerate(sources)
        while window := list(islice(numbered, WINDOW)):
            for number, source in window:
                if report := self._without_worker(number, source):
                    self._finish(order.add(source.name, report))
            if self._asked:
                with closing(self._reports()) as reports:
                    for name, report in reports:
                        self._finish(order.add(name, report))
        self._finish(order.duplicates())
        return self.keeper.settle()

    def _finish(self, units: Iterable[Unit]) -> None:
        for unit in units:
            self.keeper.finish(unit)

    def _without_worker(self, number: int, source: Source) -> Report | None:
        """What can be said of a file here; None if a worker is to be asked."""
        if source.missing:
            found = failed(source.missing, self.known.keys.wish)
            return Report(number, None, (Unit(source.name, None, None, None, None, found),))
        # Before a worker reads it: a change in between is then seen by the next run.
        stamp_key = self.known.stamp_key(source)
        if sha256 := self.known.content(stamp_key):
            units = self.known.units(source.name, sha256)
            return Report(number, sha256, tuple(replace(unit, found=()) for unit in units))
        self._asked[number] = source.name
        if stamp_key:
            self._stamps[number] = stamp_key
        return None

    def _reports(self) -> Generator[tuple[str, Report]]:
        """What workers say of the files of a window, as they finish."""
        for text in self.ask(dict(self._asked)):
            report = read_report(text, self._asked.__getitem__)
            name = self._asked.pop(report.number)
            stamp_key = self._stamps.pop(report.number, None)
            if report.sha256 is None:
                _check_missing(name, report)
            elif stamp_key:
                self.known.ledger.put(stamp_key, report.sha256)
            yield name, report


def _check_missing(name: str, report: Report) -> None:
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

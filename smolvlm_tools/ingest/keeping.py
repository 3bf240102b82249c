"""`Keeper`: takes in what is finished: ledger first, then output. One for each run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from .ledger import Ledger
from .output import Output, Written
from .summary import Summary
from .units import Unit

OnProgress: TypeAlias = Callable[[Summary], None]


@dataclass
class Keeper:
    """Keeps units, and sees to it that the output has each record once.

    Attributes:
        ledger: None where the units come from it.
        retry_errors: records of failures that stand in the output are written again.
        report: told after every unit.
    """

    ledger: Ledger | None
    output: Output
    retry_errors: bool
    report: OnProgress
    summary: Summary = field(default_factory=Summary)
    _there: dict[str, bool] = field(default_factory=dict[str, bool])
    _wanted: set[str] = field(default_factory=set[str])
    _sources: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        for written in self.output.written():  # what is tried again is written again
            if not (written.failed and self.retry_errors):
                self._there[written.id] = written.failed

    def finish(self, unit: Unit) -> None:
        """`keep`, and report."""
        self.keep(unit)
        self.report(self.summary)

    def keep(self, unit: Unit) -> None:
        """Keep what was found out, then write what is not written yet.

        Raises:
            StoreFull: ledger or output cannot be written; run it again when they can.
        """
        if self.ledger and unit.is_new and unit.key:
            self.ledger.put(unit.key, unit.body, failed=unit.failed)
        records = list(unit.records())
        written = 0
        for record in records:
            is_failure = record.error is not None
            if self._there.get(record.id) != is_failure:  # or another run has mended it since
                self.output.write(record)
                self._there[record.id] = is_failure
                written += 1
            self._wanted.add(record.id)
        self._sources.add(unit.source)
        self.summary.files = len(self._sources)
        self.summary.count(unit, records, written)

    def settle(self) -> Summary:
        """Drop what is stale, when all is kept; returns what came of the run.

        Raises:
            StoreFull: as `finish`.
        """
        self.summary.dropped = self.output.settle(self._is_stale)
        self.summary.tick()
        return self.summary

    def _is_stale(self, written: Written) -> bool:
        """Whether a record tells of what a file of this run was before."""
        return written.source in self._sources and written.id not in self._wanted

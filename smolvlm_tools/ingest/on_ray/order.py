"""Reports come as workers finish; what is a duplicate is decided in the order of the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..units import Unit
from .reports import Report


class Units(Protocol):
    """What the ledger has of a content; see `Known.units`."""

    def __call__(
        self, source: str, sha256: str, duplicate_of: str | None = None, /
    ) -> Iterator[Unit]: ...


class Find(Protocol):
    """Gets a body of the ledger; see `Ledger.get`."""

    def __call__(self, key: str, /) -> str | None: ...


@dataclass
class Order:
    """Lets every report wait for those of the files before it.

    Attributes:
        known: what the ledger has.
        find: a body of the ledger by its key.
    """

    known: Units
    find: Find
    _next: int = 0
    _waiting: dict[int, tuple[str, Report]] = field(default_factory=dict[int, "tuple[str, Report]"])
    _firsts: dict[str, str] = field(default_factory=dict[str, str])
    _lacking: set[str] = field(default_factory=set[str])
    _later: list[tuple[str, str, str]] = field(default_factory=list["tuple[str, str, str]"])

    def add(self, name: str, report: Report) -> Iterator[Unit]:
        """Take a report in; gives the units of all files whose turn it is."""
        self._waiting[report.number] = name, report
        while self._next in self._waiting:
            yield from self._take(*self._waiting.pop(self._next))
            self._next += 1

    def duplicates(self) -> Iterator[Unit]:
        """The units of files whose content another one had before them, when all are in."""
        for name, sha256, first in self._later:
            yield from self.known(name, sha256, first)

    def _take(self, name: str, report: Report) -> Iterator[Unit]:
        sha256 = report.sha256
        if sha256 is None:
            yield from report.whole(self.find)
            return
        first = self._firsts.setdefault(sha256, name)
        if first != name:
            self._later.append((name, sha256, first))
        elif report.units is None:
            self._lacking.add(sha256)  # it is first, but a later file was quicker and tells of it
            return
        if report.units is not None and (first == name or sha256 in self._lacking):
            self._lacking.discard(sha256)
            for unit in report.whole(self.find):
                yield replace(unit, source=first)

"""One run on this machine.

    sources → reader (1 thread) → openers (a thread for each worker process) → lookers (threads
    that keep the engine full) → this thread: ledger, then output

Every channel between them is bounded, so memory does not depend on how many files there are. What
is in the ledger is done; the output is written from it, and healed when it is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .channel import Channel, Stopped
from .ledger import Ledger
from .output import Output, Written
from .page_work import GetEngine, look_at_page
from .reading import File, Reader, ReadPage
from .sources import Source
from .summary import Summary
from .units import Unit

OnProgress: TypeAlias = Callable[[Summary], None]

_PATIENCE = 5.0
"""Seconds that a thread gets to end; it is a daemon."""


@dataclass
class Run:
    """Ingests sources into an output.

    Attributes:
        openers: files that are read at the same time.
        lookers: pages that are with the engine at the same time.
        report: told after every page, on the thread that runs.
        interrupt: ends what the threads wait for.
    """

    reader: Reader
    ledger: Ledger
    output: Output
    engine: GetEngine
    openers: int
    lookers: int
    report: OnProgress
    interrupt: Callable[[], None]
    summary: Summary = field(default_factory=Summary)
    _stop: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None
    _there: dict[str, str] = field(default_factory=dict[str, str])
    _wanted: set[str] = field(default_factory=set[str])
    _sources: set[str] = field(default_factory=set[str])

    def run(self, sources: Iterable[Source]) -> Summary:
        """Do all that is not done yet; returns when it is.

        Raises:
            StoreFull: ledger or output cannot be written; run it again when they can.
            ModelError: the engine cannot be loaded.
        """
        for written in self.output.written():  # what is tried again is written again
            if not (written.failed and self.reader.retry_errors):
                self._there[written.id] = written.source
        threads: list[threading.Thread] = []
        try:
            for unit in self._start(sources, threads):
                self._finish(unit)
        except Stopped:
            pass
        finally:
            self._stop.set()
            if any(thread.is_alive() for thread in threads):
                self.interrupt()
            for thread in threads:
                thread.join(_PATIENCE)
        if self._failure:
            raise self._failure
        for source, sha256, first in self.reader.duplicates:
            for unit in self.reader.known_units(source.name, sha256, first):
                self._finish(unit)
        self.summary.dropped = self.output.settle(self._is_stale)
        self.summary.tick()
        return self.summary

    def _start(self, sources: Iterable[Source], threads: list[threading.Thread]) -> Channel[Unit]:
        """Set everything going; the units come out of the channel."""
        files = Channel[File](self.openers, 1, self._stop)
        pages = Channel[ReadPage](self.lookers, self.openers, self._stop)
        units = Channel[Unit](64, 1 + self.openers + self.lookers, self._stop)

        def read() -> None:
            self.reader.read_files(sources, files, units)
            files.done()

        def open_all() -> None:
            for file in files:
                self.reader.open_file(file, pages, units)
            pages.done()

        def look() -> None:
            for page in pages:
                units.put(self._look(page))

        for work in (read, *[open_all] * self.openers, *[look] * self.lookers):
            thread = threading.Thread(target=self._guarded, args=(work, units), daemon=True)
            threads.append(thread)
            thread.start()
        return units

    def _guarded(self, work: Callable[[], None], units: Channel[Unit]) -> None:
        """Do a thread's work; its failure ends the run."""
        try:
            work()
            units.done()
        except Stopped:
            pass
        except BaseException as error:  # raised again by `run`
            if not self._stop.is_set():
                self._failure = error
                self._stop.set()

    def _look(self, page: ReadPage) -> Unit:
        file = page.file
        found = look_at_page(page.content, self.reader.wish, self.engine, self._stop)
        key = self.reader.keys.of_page(file.sha256, page.number)
        return Unit(file.source.name, file.sha256, page.number, page.total, key, found)

    def _finish(self, unit: Unit) -> None:
        """Keep what was found out, then write what is not written yet."""
        if unit.is_new and unit.key:
            self.ledger.put(unit.key, unit.body, failed=unit.failed)
        records = list(unit.records())
        written = 0
        for record in records:
            if record.id not in self._there:
                self.output.write(record)
                self._there[record.id] = record.source
                written += 1
            self._wanted.add(record.id)
        self._sources.add(unit.source)
        self.summary.files = len(self._sources)
        self.summary.count(unit, records, written)
        self.report(self.summary)

    def _is_stale(self, written: Written) -> bool:
        """Whether a record tells of what a file of this run was before."""
        return written.source in self._sources and written.id not in self._wanted

"""`Pipeline`: sources → finished units, on this machine.

    sources → reader (1 thread) → openers (a thread for each worker process) → lookers (threads
    that keep the engine full) → whoever iterates

Every channel between them is bounded, so memory does not depend on how many files there are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field

from .channel import Channel, Stopped
from .page_work import GetEngine, look_at_page
from .reading import File, Reader, ReadPage
from .sources import Source
from .units import Unit

_PATIENCE = 5.0
"""Seconds that the threads get to end; they are daemons."""


@dataclass
class Pipeline:
    """Finds out about sources; serves once.

    Attributes:
        openers: files that are read at the same time.
        lookers: pages that are with the engine at the same time.
        interrupt: ends what the threads wait for.
    """

    reader: Reader
    engine: GetEngine
    openers: int
    lookers: int
    interrupt: Callable[[], None]
    _stop: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None
    _finished: Channel[Unit] | None = None

    def units(self, sources: Iterable[Source]) -> Generator[Unit]:
        """The units of all sources but the reader's duplicates, as they are finished.

        Closing the generator ends all work; `rest` then has what was finished by then.

        Raises:
            StoreFull: the ledger cannot be written.
            ModelError: the engine cannot be loaded.
        """
        threads: list[threading.Thread] = []
        is_done = False
        try:
            yield from self._start(sources, threads)
            is_done = True
        except Stopped:
            pass
        finally:
            self._stop.set()
            if not is_done:
                self.interrupt()
            until = time.monotonic() + _PATIENCE
            for thread in threads:
                thread.join(max(0.0, until - time.monotonic()))
        if self._failure:
            raise self._failure

    def rest(self) -> Iterator[Unit]:
        """What was finished, and not handed out, when the run was stopped."""
        return self._finished.rest() if self._finished else iter(())

    def _start(self, sources: Iterable[Source], threads: list[threading.Thread]) -> Channel[Unit]:
        """Set everything going; the units come out of the channel."""
        files = Channel[File](self.openers, 1, self._stop)
        pages = Channel[ReadPage](self.lookers, self.openers, self._stop)
        units = Channel[Unit](64, 1 + self.openers + self.lookers, self._stop)
        self._finished = units

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
        except BaseException as error:  # raised again by `units`
            if not self._stop.is_set():
                self._failure = error
                self._stop.set()

    def _look(self, page: ReadPage) -> Unit:
        file = page.file
        found = look_at_page(page.content, self.reader.wish, self.engine, self._stop)
        key = self.reader.known.keys.of_page(file.sha256, page.number)
        return Unit(file.source.name, file.sha256, page.number, page.total, key, found)

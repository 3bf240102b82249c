"""Sends cases to a surface one after the other, and judges what comes back and what it cost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.bad_sites import BadSite

from .answer import Answer, faults_of
from .case import WORKS, Case, Sent
from .catalogue import SURFACES
from .mcp_sessions import HttpSession, StdioSession
from .meter import Meter
from .paths import lay_traps
from .sessions import Ended, HostSession, Place, Refused, Session
from .traps import Trap


@dataclass(frozen=True)
class Bounds:
    """What a case may cost the service's own process, and a child of it.

    Attributes:
        cpu_seconds, extra_bytes: of the service's own process.
        child_bytes: that a child may hold.
        seconds: by the clock, until it is given up as hung.
        give_up_cpu: processor time after which waiting is pointless.
    """

    cpu_seconds: float = 2.0
    extra_bytes: int = 256 << 20
    child_bytes: int = 1_100_000_000
    seconds: float = 60.0
    give_up_cpu: float = 6.0


@dataclass
class Outcome:
    """What became of a case on a surface.

    Attributes:
        faults: what is wrong; none if the case is held.
        code: that came back; "refused" where the client's framework would not send it.
    """

    case: str
    surface: str
    code: str
    faults: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
    extra_bytes: int = 0
    child_bytes: int = 0
    seconds: float = 0.0
    raw: str = ""

    @property
    def is_held(self) -> bool:
        return not self.faults


@contextlib.contextmanager
def a_place(folder: Path) -> Iterator[tuple[Place, Trap]]:
    """A folder full of traps, a site in place of the internet, and listeners for leaks."""
    site, trap = BadSite(), Trap()
    thread = threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Place(lay_traps(folder), folder / "leaks.txt", site.server_port), trap
    finally:
        site.stop.set()
        site.shutdown()
        site.server_close()
        trap.close()


class Attack:
    """A surface under attack; a process that hangs or dies is replaced."""

    def __init__(
        self, surface: str, place: Place, trap: Trap, bounds: Bounds | None = None
    ) -> None:
        self._surface, self._place, self._trap = SURFACES[surface], place, trap
        self._bounds = bounds or Bounds()
        self._session: Session | None = None
        self._count = 0

    def run(self, cases: Iterable[Case]) -> Iterator[Outcome]:
        """What becomes of each case that this surface takes."""
        for case in cases:
            if self._surface.takes(case):
                yield self.attempt(case)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def attempt(self, case: Case) -> Outcome:
        """Send one case, then a good request."""
        if self._session is None:
            self._session = self._start()
        session, outcome = self._session, Outcome(case.name, self._surface.name, "")
        sent, file = case.make(), None
        leaks, caught = self._place.leaks(), len(self._trap.caught)
        if sent.data is not None:
            file = self._write(sent)
        if sent.text is not None and "{port}" in sent.text:
            sent = Sent(**{**_fields(sent), "text": sent.text.format(port=self._trap.port)})
        try:
            session.prepare(case, sent, file)
        except Refused as refusal:
            outcome.code, outcome.raw = "refused", str(refusal)
            return outcome
        except Ended as end:
            return self._lost(outcome, f"the process ended while it was prepared ({end})")
        finally:
            sent = None  # it may be large
        self._go(session, case, outcome)
        if self._session is not None and self._place.leaks() != leaks:
            outcome.faults.append(f"tried to connect: {self._place.leaks()[len(leaks) :].split()}")
        if len(self._trap.caught) != caught:
            outcome.faults.append(f"bytes got out: {self._trap.caught[caught:]}")
        if self._session is not None:
            self._check_next(session, outcome)
        if file is not None:
            Path(file).unlink()
        return outcome

    def _start(self) -> Session:
        name = self._surface.name
        if name == "mcp-stdio":
            return StdioSession(self._place)
        if name == "mcp-http":
            return HttpSession(self._place)
        session = HostSession(name, self._place)
        session.good()  # loads what a first request loads
        return session

    def _write(self, sent: Sent) -> str:
        self._count += 1
        path = self._place.folder / f"sent-{self._surface.name}-{self._count}{sent.suffix}"
        path.write_bytes(sent.data or b"")
        return str(path)

    def _go(self, session: Session, case: Case, outcome: Outcome) -> None:
        bounds, meter = self._bounds, Meter(session.pid)
        meter.start()
        began = time.monotonic()
        said, why = _waited(session.go, meter, bounds)
        meter.sample()
        outcome.seconds = time.monotonic() - began
        outcome.cpu_seconds, outcome.extra_bytes = meter.cpu_seconds, meter.extra_bytes
        outcome.child_bytes = meter.most_of_a_child
        if said is None:
            self._lost(outcome, why)
        else:
            outcome.code, outcome.raw = said.code, said.raw
            outcome.faults += faults_of(said)
            if said.code != "raw" and said.code not in self._surface.allowed(case):
                outcome.faults.append(f"came back as {said.code}: {said.text[:200]!r}")
        if outcome.cpu_seconds > bounds.cpu_seconds:
            outcome.faults.append(f"{outcome.cpu_seconds:.1f} CPU s")
        if outcome.extra_bytes > bounds.extra_bytes:
            outcome.faults.append(f"{outcome.extra_bytes / 2**20:,.0f} MiB more")
        if outcome.child_bytes > bounds.child_bytes:
            outcome.faults.append(f"{outcome.child_bytes / 2**20:,.0f} MiB in a child")

    def _check_next(self, session: Session, outcome: Outcome) -> None:
        meter = Meter(session.pid)
        meter.start()
        said, why = _waited(session.good, meter, self._bounds)
        if said is None:
            self._lost(outcome, f"the next good request: {why}")
        elif said.code != WORKS:
            outcome.faults.append(f"the next good request: {said.code} {said.text[:200]}")

    def _lost(self, outcome: Outcome, why: str) -> Outcome:
        outcome.faults.append(why)
        outcome.code = outcome.code or "lost"
        self.close()
        return outcome


def _fields(sent: Sent) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in Sent.__slots__}


def _waited(ask: Callable[[], Answer], meter: Meter, bounds: Bounds) -> tuple[Answer | None, str]:
    """What comes back; or None and why nothing does. Then the process is to be ended."""
    found: list[Answer | BaseException] = []

    def run() -> None:
        try:
            found.append(ask())
        except Exception as error:  # told to the thread that waits
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until = time.monotonic() + bounds.seconds
    thread.join(0.05)
    while thread.is_alive():
        meter.sample(also_children=False)
        if time.monotonic() > until:
            return None, f"no answer within {bounds.seconds:g} s"
        if meter.cpu_seconds > bounds.give_up_cpu:
            return None, f"no answer within {bounds.give_up_cpu:g} CPU s"
        thread.join(0.1)
    if isinstance(found[0], Answer):
        return found[0], ""
    return None, f"the process died: {found[0]!r}"

"""What every way to the tools offers to the soak, and how a server's process is started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol

from benchmarks.paths import ROOT
from benchmarks.soaking.mix import Request
from benchmarks.soaking.outcomes import HUNG, LEFT, Outcome

PATIENCE = 120.0
"""Seconds after which a request counts as hung."""
GRACE = 2.0
"""Seconds that a cancelled request's answer is still waited for."""


class Client(Protocol):
    """One of the clients; it sends one request at a time."""

    async def call(self, request: Request) -> Outcome:
        """Send a request and tell what became of it; a request that is to be left is."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...


class Surface(Protocol):
    """A running service.

    Attributes:
        pid: of the process to be watched.
        log: what it wrote to stderr.
    """

    pid: int
    log: list[str]

    async def client(self, number: int) -> Client:
        """A new client."""
        ...

    def waiting(self) -> int | None:
        """How many requests the engine has not taken yet, None where the service doesn't tell."""
        ...

    async def stages(self) -> dict[str, list[float]]:
        """Seconds by stage as the service itself counts them (p50, p95, p99), where it does."""
        ...

    async def close(self) -> None:
        """End the service."""
        ...


async def call_or_leave(
    ask: Awaitable[Outcome], request: Request, cancel: Callable[[], Awaitable[None]] | None
) -> Outcome:
    """Await an answer, or give the request up after its time.

    Args:
        cancel: tells the service that the answer is no longer wanted; by itself, the end of `ask`
            does where this is None.
    """
    task = asyncio.ensure_future(ask)
    try:
        await asyncio.wait({task}, timeout=request.after if request.leaving else PATIENCE)
        if not task.done() and request.leaving == "cancel" and cancel is not None:
            await cancel()
            await asyncio.wait({task}, timeout=GRACE)
        if task.done():
            return task.result()
        return Outcome(LEFT if request.leaving else HUNG)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class ServerProcess:
    """One of our servers in a process of its own.

    It is in a session of its own, so that Ctrl-C ends the soak first, which then ends it.

    Args:
        module: what runs.
        says: stands in the line on stderr that ends in its address.
    """

    def __init__(
        self,
        *flags: str,
        pipes: bool = False,
        model: str = "embedded",
        module: str = "smolvlm_mcp",
        says: str = "serving MCP on http",
    ) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "integrations")])
        clean = {name: value for name, value in os.environ.items() if "SMOLVLM_" not in name}
        ends = subprocess.PIPE if pipes else subprocess.DEVNULL
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--model", model, *flags],
            env=clean | {"PYTHONPATH": paths},
            cwd=ROOT,
            stdin=ends,
            stdout=ends,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._says = says
        self._address: str | None = None
        self._known = threading.Event()
        self._reader = threading.Thread(target=self._read, name="soak-log", daemon=True)
        self._reader.start()

    def address(self) -> str:
        """The URL that it says it serves on."""
        if not self._known.wait(PATIENCE) or self._address is None:
            raise RuntimeError(f"the server did not start: {self.log[-3:]}")
        return self._address

    def end(self) -> None:
        """Stop it, by force if need be."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join(10)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())
            if self._address is None and self._says in self.log[-1]:
                self._address = self.log[-1].split()[-1]
                self._known.set()
        self._known.set()

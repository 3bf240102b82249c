"""The driver's side of a process under attack."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from tests.support.mcp_servers import environment

from .answer import Answer
from .case import Case, Sent


class Refused(Exception):
    """The client's own framework does not take what was to be sent."""


class Ended(Exception):
    """The process is gone."""


class Session(Protocol):
    """A running process of one surface."""

    @property
    def pid(self) -> int: ...

    def prepare(self, case: Case, sent: Sent, file: str | None) -> None:
        """Do what a client does before it sends; raises Refused."""

    def go(self) -> Answer:
        """Send, and wait for what comes back; raises Ended."""

    def good(self) -> Answer:
        """A request that has to work."""

    def close(self) -> None: ...


class Place:
    """Where a run stands: the folder that may be read, and who listens for what gets out.

    Attributes:
        folder: the working directory of every process under attack.
        log: grows by a line for each connection that a process tries where it may not.
        port: of the site that stands for the public internet.
    """

    def __init__(self, folder: Path, log: Path, port: int) -> None:
        self.folder, self.log, self.port = folder, log, port
        log.touch()

    def leaks(self) -> str:
        return self.log.read_text()


def spawn(place: Place, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """Start Python with these arguments where the attacked stand."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *arguments],
        cwd=place.folder,
        env=environment(PYTHONWARNINGS="ignore"),
        **options,
    )


class HostSession:
    """A surface in a process of `host`."""

    def __init__(self, surface: str, place: Place) -> None:
        self._scratch = place.folder.parent / f"sent-{surface}.json"
        self._process = spawn(
            place,
            *("-m", "tests.support.hostile.host", surface, str(place.log), str(place.port)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, case: Case, sent: Sent, file: str | None) -> None:
        given = {name: getattr(sent, name) for name in Sent.__slots__ if name != "data"}
        self._scratch.write_text(json.dumps(given))
        size = list(case.size) if case.size else None
        order = {"sent": str(self._scratch), "file": file, "pages": case.pages, "size": size}
        said = self._ask({"do": "prepare", **order})
        if "refused" in said:
            raise Refused(said["refused"])

    def go(self) -> Answer:
        return Answer(**self._ask({"do": "go"}))

    def good(self) -> Answer:
        return Answer(**self._ask({"do": "good"}))

    def close(self) -> None:
        close_process(self._process)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except (OSError, ValueError) as error:
            raise Ended(str(error)) from error
        if not line:
            raise Ended(f"exit code {self._process.wait(10)}")
        return json.loads(line)


def close_process(process: subprocess.Popen[Any]) -> None:
    """End a process, and let go of its pipes."""
    process.kill()
    process.wait(30)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()

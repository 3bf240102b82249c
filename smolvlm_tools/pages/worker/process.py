"""One child process as its parent sees it: asked one thing at a time, watched, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict
from typing import NoReturn

from .coding import OUT_OF_MEMORY
from .document import Document
from .forks import mind_forks
from .limits import IDLE, WorkerLimits
from .messages import BrokenMessage, Message, receive, send
from .start import start_child
from .watch import Watch, resident_bytes

_START_SECONDS = 60.0
_MOST_OPEN = 8
"""Documents that a child keeps open; others are opened again when they are needed."""
_LAST_WORDS = 300


class Ended(Exception):
    """The child ended before it answered.

    Attributes:
        why: "time", "cpu", "memory", "closed", "idle", "start" or "crash".
        how: its signal or exit code, and the last line that it wrote.
    """

    def __init__(self, why: str, how: str) -> None:
        super().__init__(why, how)
        self.why, self.how = why, how


class ChildProcess:
    """A child. One thread at a time may ask it; any may end it."""

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._popen = popen = start_child()
        assert popen.stdin is not None and popen.stdout is not None
        self._requests, self._replies = popen.stdin.fileno(), popen.stdout.fileno()
        if popen.stderr is not None:
            os.set_blocking(popen.stderr.fileno(), False)
        self._open: OrderedDict[Document, None] = OrderedDict()
        self._is_ready = False
        self._why: str | None = None
        self._resident = 0
        self._finish = weakref.finalize(self, _finish, popen, os.getpid())
        mind_forks(self)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._why is None and self._popen.poll() is None

    def has_open(self, document: Document) -> bool:
        return document in self._open

    def is_worn_for(self, document: Document) -> bool:
        """Whether other documents have left it too little memory to blame this one for more."""
        others = bool(self._open) and next(reversed(self._open)) is not document
        return others and resident_bytes(self.pid) > self._limits.memory_bytes // 4

    def ask(self, document: Document, call: str, number: int) -> Message:
        """Have one call done within the limits, after the document was opened if it was not.

        Raises:
            Ended: no answer came. The child is gone.
        """
        if not self._is_ready:
            self._exchange((asdict(self._limits), []), _START_SECONDS)
            self._is_ready = True
        if document not in self._open:
            header, parts = document.opening()
            answer = self._exchange(({**header, "drop": self._drop(document, 1)}, parts))
            if "error" in answer[0]:
                return answer
            self._open[document] = None
            if call == "open":
                return answer
        self._open.move_to_end(document)
        header = {"call": call, "document": document.number, "number": number}
        return self._exchange(({**header, "drop": self._drop(document, 0)}, []))

    def end(self, why: str) -> None:
        """Kill it; who is asking it gets `Ended`. The first reason counts."""
        self._why = self._why or why
        self._popen.kill()

    def reap(self) -> None:
        """Kill it and give back what it took of this process. No thread may be asking it."""
        self._finish()

    def after_fork(self) -> None:
        self._why = "closed"
        self._finish.detach()
        self._popen.returncode = 0  # not this process's child: nothing to wait for
        _close_pipes(self._popen)

    def _drop(self, document: Document, room: int) -> list[int]:
        """Have documents dropped: those that were closed, and the oldest of too many."""
        others = [each for each in self._open if each is not document]
        held = [each for each in others if not each.is_closed]
        surplus = held[: max(0, len(held) + room - _MOST_OPEN)]
        dropped = [each for each in others if each.is_closed or each in surplus]
        for each in dropped:
            del self._open[each]
        return [each.number for each in dropped]

    def _exchange(self, message: Message, seconds: float | None = None) -> Message:
        watch = Watch(self.pid, self._limits, seconds or self._limits.seconds, self.end)
        try:
            with watch:
                send(self._requests, message)
                answer = receive(self._replies, self._limits.memory_bytes)
        except (OSError, EOFError, BrokenMessage):
            self._say_why(watch)
        except BaseException:  # such as Ctrl-C: what would be read next answers an older request
            self.end("closed")
            raise
        if answer[0].get("error") == OUT_OF_MEMORY:
            self.end("memory")
            self._say_why(watch)
        self._last_words()  # makes room
        return answer

    def _say_why(self, watch: Watch) -> NoReturn:
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(1)
        words = self._last_words()
        self.reap()
        code = self._popen.returncode
        how = f"exit code {code}"
        if code < 0:
            how = f"signal {-code}"
            with suppress(ValueError):
                how = f"signal {-code}, {signal.Signals(-code).name}"
        if self._why != "closed":
            self._why = self._cause(code, watch)
        raise Ended(self._why, f"{how}: {words}" if words else how) from None

    def _cause(self, code: int, watch: Watch) -> str:
        if not self._is_ready:
            return "start"
        if self._why is not None:
            return self._why
        if code == IDLE:
            return "idle"
        if sys.platform != "win32" and code in (-signal.SIGKILL, -signal.SIGTERM):
            return "crash"  # from outside
        if sys.platform != "win32" and code == -signal.SIGXCPU:
            return "cpu"
        # PDFium aborts when it is refused memory.
        return "memory" if watch.most_resident > self._limits.memory_bytes // 2 else "crash"

    def _last_words(self) -> str:
        """The last line that it wrote to its stderr since it was last asked."""
        if self._popen.stderr is None:
            return ""
        with suppress(BlockingIOError):
            words = os.read(self._popen.stderr.fileno(), 1 << 16).decode("utf-8", "replace").strip()
            line = words.rpartition("\n")[2][:_LAST_WORDS]
            return "".join(character for character in line if character.isprintable())
        return ""


def _finish(popen: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        popen.kill()
        popen.wait()
    _close_pipes(popen)


def _close_pipes(popen: subprocess.Popen[bytes]) -> None:
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            pipe.close()

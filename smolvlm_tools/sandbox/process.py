"""One child process as its parent sees it: asked one thing at a time, watched, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import NoReturn

from ..errors import SmolVLMError
from ..machine.lookout import looking_after
from .coding import OUT_OF_MEMORY
from .forks import mind_forks
from .held import Held, Request
from .limits import IDLE, WorkerLimits
from .messages import BrokenMessage, Message, receive, send
from .priority import set_priority
from .segments import Segment, Segments
from .start import Started, start_child
from .watch import Watch, resident_bytes

_START_SECONDS = 60.0
_MOST_OPEN = 8
"""Things that a child keeps open; others are handed over again when they are needed."""
_LAST_WORDS = 300
_LARGE = 1 << 18
"""Bytes; more of them go through shared memory, as a socket holds 200 kB at a time."""


class Ended(Exception):
    """The child ended before it answered.

    Attributes:
        why: "time", "cpu", "memory", "stopped", "closed", "idle", "start" or "crash".
        how: its signal or exit code, and the last line that it wrote.
        stopped: why its answer was no longer wanted, if that ended it.
    """

    def __init__(self, why: str, how: str, stopped: SmolVLMError | None = None) -> None:
        super().__init__(why, how)
        self.why, self.how, self.stopped = why, how, stopped


class ChildProcess:
    """A child. One thread at a time may ask it; any may end it."""

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._on_slow: Callable[[], None] = _nothing
        self._child = child = start_child()
        if child.popen.stderr is not None:
            os.set_blocking(child.popen.stderr.fileno(), False)
        self._open: OrderedDict[Held, None] = OrderedDict()
        self._segments, self._handing = Segments(), Segments()
        self._is_ready = False
        self._why: str | None = None
        self._finish = weakref.finalize(
            self, _finish, child, (self._segments, self._handing), os.getpid()
        )
        mind_forks(self)

    @property
    def pid(self) -> int:
        return self._child.popen.pid

    @property
    def is_alive(self) -> bool:
        return self._why is None and self._child.popen.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has started, and loaded its libraries."""
        return self._is_ready

    def has_open(self, held: Held) -> bool:
        return held in self._open

    def is_worn_for(self, held: Held) -> bool:
        """Whether other things have left it too little memory to blame this one for more."""
        others = bool(self._open) and next(reversed(self._open)) is not held
        return others and resident_bytes(self.pid) > self._limits.memory_bytes // 4

    def ask(self, held: Held, request: Request, on_slow: Callable[[], None]) -> Message:
        """Have something done within the limits, after it was handed over if it was not.

        `on_slow` is called, on another thread, when that takes long.

        Raises:
            Ended: no answer came. The child is gone.
        """
        self._on_slow = on_slow
        try:
            return self._ask(held, request)
        finally:
            self._on_slow = _nothing

    def _ask(self, held: Held, request: Request) -> Message:
        if not self._is_ready:
            self._exchange((asdict(self._limits), []), seconds=_START_SECONDS)
            self._is_ready = True
        if held not in self._open:
            answer = self._hand_over(held)
            if "error" in answer[0]:
                return answer
            self._open[held] = None
            if request.call == "open":
                return answer
        self._open.move_to_end(held)
        header = {**request.args, "call": request.call, "held": held.number, "what": request.what}
        header["drop"] = self._drop(held, 0)
        room = request.room
        if room is None:
            return self._exchange((header, []))
        room.segment = self._segments.take(room.nbytes)
        return self._exchange(({**header, "segment": room.nbytes}, []), room.segment)

    def _hand_over(self, held: Held) -> Message:
        header, data = held.opening()
        header["drop"] = self._drop(held, 1)
        if len(data) < _LARGE or self._child.wire is None:
            return self._exchange((header, [data]))
        segment = self._handing.take(len(data))
        segment.memory[: len(data)] = data
        return self._exchange(({**header, "segment": len(data)}, []), segment)

    def set_priority(self, nice: int) -> bool:
        """Have it stand back so far behind other processes; False where that is not allowed."""
        return set_priority(self.pid, nice)

    def end(self, why: str) -> None:
        """Kill it; who is asking it gets `Ended`. The first reason counts."""
        self._why = self._why or why
        self._child.popen.kill()

    def reap(self) -> None:
        """Kill it and give back what it took of this process. No thread may be asking it."""
        self._finish()

    def after_fork(self) -> None:
        self._why = "closed"
        self._finish.detach()
        self._child.popen.returncode = 0  # not this process's child: nothing to wait for
        self._child.close()
        self._segments.close()
        self._handing.close()

    def _drop(self, held: Held, room: int) -> list[int]:
        """Have things dropped: those that were closed, and the oldest of too many."""
        others = [each for each in self._open if each is not held]
        kept = [each for each in others if not each.is_closed]
        surplus = kept[: max(0, len(kept) + room - _MOST_OPEN)]
        dropped = [each for each in others if each.is_closed or each in surplus]
        for each in dropped:
            del self._open[each]
        return [each.number for each in dropped]

    def _exchange(
        self, message: Message, segment: Segment | None = None, seconds: float | None = None
    ) -> Message:
        seconds = seconds or self._limits.seconds
        watch = Watch(self.pid, self._limits, seconds, self.end, self._on_slow)
        try:
            with looking_after(watch.look):
                send(self._child.requests, message)
                if segment is not None and self._child.wire is not None:
                    socket.send_fds(self._child.wire, [b"."], [segment.fd])
                answer = receive(self._child.replies, self._limits.memory_bytes)
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
            self._child.popen.wait(1)
        words = self._last_words()
        self.reap()
        code = self._child.popen.returncode
        how = f"exit code {code}"
        if code < 0:
            how = f"signal {-code}"
            with suppress(ValueError):
                how = f"signal {-code}, {signal.Signals(-code).name}"
        if self._why != "closed":
            self._why = self._cause(code, watch)
        raise Ended(self._why, f"{how}: {words}" if words else how, watch.stopped) from None

    def _cause(self, code: int, watch: Watch) -> str:
        if not self._is_ready and self._why != "stopped":
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
        stderr = self._child.popen.stderr
        if stderr is None:
            return ""
        with suppress(BlockingIOError):
            words = os.read(stderr.fileno(), 1 << 16).decode("utf-8", "replace").strip()
            line = words.rpartition("\n")[2][:_LAST_WORDS]
            return "".join(character for character in line if character.isprintable())
        return ""


def _nothing() -> None:
    """Nobody wants to know."""


def _finish(child: Started, both: tuple[Segments, Segments], owner: int) -> None:
    for segments in both:
        segments.close()
    if os.getpid() == owner:
        child.popen.kill()
        child.popen.wait()
    child.close()

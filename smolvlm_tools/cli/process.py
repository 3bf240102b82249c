"""How the process ends: exit codes, Ctrl-C, a reader that went away."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import NoReturn

OK, FAILED, BAD_USAGE, BAD_INPUT, NO_MODEL, INTERRUPTED = 0, 1, 2, 3, 4, 130
INCOMPLETE = 6
"""There is no whole, sure and valid answer. (5 is `quality`'s.)"""

_SHOW_CURSOR = "\x1b[?25h"


def run_and_exit(run: Callable[[], int]) -> NoReturn:
    """Exit with the code that `run` returns, or with that of Ctrl-C."""
    _watch_interrupts()
    try:
        code = run()
    except KeyboardInterrupt:  # while the command was still being imported
        _interrupted()
    except BaseException:  # whatever it is, it may be what a library made of Ctrl-C
        if signal.getsignal(signal.SIGINT) is _leave:  # some import has made an error of Ctrl-C
            _interrupted()
        raise
    if code == INTERRUPTED:
        _interrupted()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # a reader that has gone away (`| head -1`) is not a failure
        # The interpreter flushes once more as it exits; send that nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


@contextlib.contextmanager
def uninterrupted() -> Generator[None]:
    """Let a Ctrl-C that comes meanwhile wait for the end of the block, which must be short."""
    if threading.current_thread() is not threading.main_thread():  # it never comes there
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(*came[0])


def _watch_interrupts() -> None:
    """Let the first Ctrl-C unwind, so that scratch files are removed, and the second end at once.

    A runtime busy in native code can delay the first for as long as a prefill takes.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _unwind)


def watch_again() -> None:
    """Let the next Ctrl-C unwind as the first did, where that has not ended the command."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, _unwind)


def _unwind(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    _interrupted()


def _interrupted() -> NoReturn:
    """Exit after Ctrl-C, without waiting for what the engine's thread is computing."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():  # a spinner may have hidden it
            sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.write("interrupted\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)

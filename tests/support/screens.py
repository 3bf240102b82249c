"""The command in front of a person: a terminal of 80×24, its keyboard, and what is seen on it."""

from __future__ import annotations

import os
import re
import select
import struct
import time
from pathlib import Path
from types import TracebackType

import pyte

from tests.support.processes import environment, start

COLUMNS, ROWS = 80, 24
PATIENCE = 90
"""Seconds after which a screen that does not come is a failure."""

# Keys such as Ctrl-C become signals only for the terminal that a process is controlled by.
CONTROLLED = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""


class Screen:
    """A terminal, on which one command runs after the other.

    Attributes:
        erased: lines that were drawn and then erased, such as those of progress.
    """

    def __init__(self) -> None:
        import fcntl  # POSIX only
        import pty
        import termios

        self._keyboard, self._device = pty.openpty()
        fcntl.ioctl(self._device, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self.erased: list[str] = []

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        os.close(self._keyboard)
        os.close(self._device)

    def start(self, *arguments: object, before: str = "", **more: str) -> None:
        """Start the command here; `before` is Python that runs first."""
        size = ("COLUMNS", "LINES")
        env = {name: value for name, value in environment(**more).items() if name not in size}
        device = dict.fromkeys(("stdin", "stdout", "stderr"), self._device)
        self._process = start(
            *arguments, before=CONTROLLED + before, env=env, start_new_session=True, **device
        )

    def run(self, *arguments: object, **options: str) -> int:
        """Run the command to its end; its exit code."""
        self.start(*arguments, **options)
        return self.end()

    def end(self) -> int:
        """Wait for the command to end; its exit code."""
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < until, self.text
            self._look(0.05)
        while self._look(0):
            pass
        return self._process.returncode

    def type(self, keys: str) -> None:
        """Press keys: "\\x03" is Ctrl-C, "\\x04" Ctrl-D."""
        os.write(self._keyboard, keys.encode())

    def until(self, pattern: str) -> None:
        """Wait until a pattern is or was on the screen."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, "\n".join([*self.erased, self.text]), re.MULTILINE):
            assert time.monotonic() < until and self._process.poll() is None, self.text
            self._look(0.05)

    def until_it_waits(self) -> None:
        """Wait until the command's main thread has been asleep for a while, as at a prompt.

        A Ctrl-C between the drawing of the prompt and readline's wait for keys is noticed by Python
        only with the next key; a person is never that quick.
        """
        asleep = 0
        while asleep < 6:
            self._look(0.05)
            state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            asleep = asleep + 1 if state[0] == "S" else 0

    @property
    def lines(self) -> list[str]:
        """All lines, those above the screen too, without blanks and empty lines at their ends."""
        above = ["".join(line[x].data for x in range(COLUMNS)) for line in self._screen.history.top]
        lines = [line.rstrip() for line in (*above, *self._screen.display)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def visible(self) -> list[str]:
        """The lines on the screen now."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def shows_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    def colours_of(self, row: int) -> set[str]:
        """Of the characters in a row of the screen."""
        cells = self._screen.buffer[row]
        return {cells[x].fg for x in range(COLUMNS) if cells[x].data != " "}

    def _look(self, seconds: float) -> bool:
        """Take in what is shown within some time; whether there was anything."""
        if not select.select([self._keyboard], [], [], seconds)[0]:
            return False
        shown = os.read(self._keyboard, 65536)
        for piece in re.split(rb"(?=\r\x1b\[2K)", shown):
            if piece.startswith(b"\r\x1b[2K"):
                self.erased.append(self._screen.display[self._screen.cursor.y].rstrip())
            self._stream.feed(piece)
        return True

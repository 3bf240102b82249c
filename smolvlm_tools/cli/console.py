"""Output: answers go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer

from ..errors import SmolVLMError
from ..unsafe import UNSAFE_ON_A_LINE
from .process import FAILED, uninterrupted
from .wording import in_flags

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.live import Live
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

_RED, _DIM = "31", "2"
_ESCAPE = "backslashreplace"


@dataclass(frozen=True, slots=True)
class Answers:
    """The command's stdout."""

    file: TextIO

    @property
    def is_terminal(self) -> bool:
        return self.file.isatty()

    def write(self, text: str) -> None:
        """Write a piece of text and flush it.

        Raises:
            typer.Exit: the reader has gone away, or the disk is full.
        """
        try:
            self.file.write(text)
            self.file.flush()
        except BrokenPipeError:
            raise typer.Exit from None
        except OSError as error:
            report(f"the answer cannot be written ({error.strerror}). Check where stdout goes.")
            raise typer.Exit(FAILED) from None

    def line(self, text: str) -> None:
        """Write a line of text, unchanged."""
        self.write(f"{text}\n")

    def prose(self, text: str) -> None:
        """Write a line of words, which goes on in the next where the terminal or $COLUMNS ends."""
        if not self._has_width:
            self.line(text)
            return
        width = max(shutil.get_terminal_size().columns, 20)
        wrapper = textwrap.TextWrapper(
            width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for piece in wrapper.wrap(text) or [""]:
            self.line(piece)

    def json(self, value: Any) -> None:
        """Write indented JSON; non-ASCII characters are escaped unless the encoding is Unicode."""
        self.line(json.dumps(value, ensure_ascii=self._is_plain, indent=2))

    def json_line(self, value: Any) -> None:
        """Write JSON on one line."""
        self.line(json.dumps(value, ensure_ascii=self._is_plain))

    @property
    def _has_width(self) -> bool:
        return self.is_terminal or "COLUMNS" in os.environ

    @property
    def _is_plain(self) -> bool:
        """Whether the encoding is not Unicode."""
        return not (self.file.encoding or "utf-8").lower().startswith("utf")

    def table(self, table: Table) -> None:
        """Write a rich table, as wide as the terminal or $COLUMNS; else as wide as it needs to be.

        What is too long for its column goes on in the next line: nothing is cut.
        """
        for column in table.columns:
            column.overflow = "fold"
        console = _console(self.file, None if self._has_width else 1000)
        with console.capture() as capture:
            console.print(table)
        self.write(capture.get())


@contextlib.contextmanager
def reserve_stdout() -> Generator[Answers]:
    """Keep stdout for answers: whatever libraries print meanwhile goes to stderr.

    Libraries in C bypass `sys.stdout`, so the file descriptor is redirected too, if there is one.
    """
    stdout = sys.stdout
    stdout.flush()
    try:
        descriptor, target = stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):  # captured, in memory
        with contextlib.redirect_stdout(sys.stderr):
            yield Answers(stdout)
        return
    # A file name that is not valid Unicode is printed escaped rather than not at all.
    private = os.fdopen(os.dup(descriptor), "w", encoding=stdout.encoding, errors=_ESCAPE)
    os.dup2(target, descriptor)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield Answers(private)
    finally:
        os.dup2(private.fileno(), descriptor)
        with contextlib.suppress(OSError):  # what could not be written is still buffered
            private.close()


def report(reason: SmolVLMError | str) -> None:
    """Say on one line of stderr what went wrong, of an error in the command line's words."""
    said = in_flags(reason) if isinstance(reason, SmolVLMError) else reason
    _say("error: ", f"{said}", _RED)


def note(text: str) -> None:
    """Write one dim line to stderr."""
    _say("", text, _DIM)


def _say(head: str, text: str, colour: str) -> None:
    """Write a line to stderr, on a terminal coloured and broken between words.

    Control characters are replaced.
    """
    line = head + clean(text)
    if sys.stderr.isatty():
        line = between_words(line, _columns())
        if not _plain():
            line = f"\x1b[{colour}m{line}\x1b[0m"
    print(line, file=sys.stderr, flush=True)


def between_words(line: str, columns: int) -> str:
    """A line with breaks for so many columns, but none in a word or in a `command` to be copied."""
    whole = re.sub(r"`[^`]*`", lambda found: found[0].replace(" ", "\0"), line)
    broken = textwrap.fill(whole, columns, break_long_words=False, break_on_hyphens=False)
    return broken.replace("\0", " ")


def _columns() -> int:
    """Width of the terminal that stderr is; 80 where it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def clean(text: str) -> str:
    """`text` on one line, with characters that could control the terminal replaced."""
    return UNSAFE_ON_A_LINE.sub("�", text)


def working(text: str | Callable[[], str]) -> AbstractContextManager[Any]:
    """A spinner on stderr, if that is a terminal.

    Args:
        text: beside it; a function is asked again several times a second.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext()
    from rich.live import Live

    get = text if callable(text) else lambda: text
    line = _Spinner(get)
    return _drawn(Live(line, console=_redrawn(), refresh_per_second=12.5, transient=True))


@contextlib.contextmanager
def _drawn(display: Live | Progress) -> Generator[None]:
    """Have a display drawn by its thread; Ctrl-C does not part the two, so it is always erased."""
    try:
        with uninterrupted():
            display.start()
        yield
    finally:
        with uninterrupted():
            display.stop()


class _Spinner:
    """One line that turns, however long its text is."""

    def __init__(self, get: Callable[[], str]) -> None:
        from rich.spinner import Spinner

        self._get, self._spinner = get, Spinner("dots")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Generator[Text]:
        from rich.text import Text

        turning = cast("Text", self._spinner.render(console.get_time()))
        words = (turning, " ", clean(self._get()))
        yield Text.assemble(*words, no_wrap=True, overflow="ellipsis")


@contextlib.contextmanager
def progress(text: str, total: int) -> Generator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal; yields what moves it on by one."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda: None
        return
    from rich.progress import Progress

    bar = Progress(console=_redrawn(), transient=True)
    with _drawn(bar):
        task = bar.add_task(text, total=total)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def progress_bar(
    text: str,
) -> Generator[Callable[[int, int | None, str], None]]:
    """A bar on stderr, if that is a terminal; yields what shows done, total and further words."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda done, total, words: None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        TextColumn(text),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    bar = Progress(*columns, Remaining(), console=_redrawn(), transient=True)
    with _drawn(bar):
        task = bar.add_task(text, total=None, words="")
        yield lambda done, total, words: bar.update(
            task, completed=done, total=total, words=escape(words)
        )


def _console(file: TextIO, width: int | None = None) -> Console:
    from rich.console import Console

    colours = None if _plain() or not file.isatty() else "auto"
    return Console(file=file, width=width, color_system=colours, highlight=False)


def _redrawn() -> Console:
    """Stderr for a line that is drawn again and again, and erased.

    It is as much narrower than the terminal as the "^C" that the terminal adds on Ctrl-C: with that
    the line would go on on the next one, and its beginning would be left.
    """
    console = _console(sys.stderr)
    console.width -= len("^C")
    return console


def _plain() -> bool:
    """Whether the user asked for no colours (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))

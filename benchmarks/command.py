"""What the benchmarks' commands share: options, progress lines and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from smolvlm_tools.errors import ModelError, SmolVLMError

FAILED = 1
"""Exit code of a command that ran and found something below its bar."""

Notice: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""


class Command(argparse.ArgumentParser):
    """`python -m benchmarks.NAME`, whose help begins with its module's docstring."""

    def __init__(
        self, name: str, doc: str | None, run: Callable[[argparse.Namespace], int]
    ) -> None:
        kind = argparse.RawDescriptionHelpFormatter
        super().__init__(f"python -m benchmarks.{name}", description=doc, formatter_class=kind)
        self._run = run

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run a command line: what `run` returns, or 2 bad options, 4 model error, 130 Ctrl-C."""
        options = self.parse_args(arguments)
        try:
            return self._run(options)
        except SmolVLMError as error:
            notice(f"error: {error}")
            return 4 if isinstance(error, ModelError) else 2
        except KeyboardInterrupt:
            notice("interrupted")
            return 130


def comma_list(text: str) -> tuple[str, ...]:
    """The parts of "a,b,c", for an option's `type`."""
    return tuple(part for part in text.split(",") if part)


def notice(text: str) -> None:
    """Print a line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)

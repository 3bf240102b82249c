"""What goes where: answers to stdout, everything else to stderr, failures to exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ContextManager

import typer
from rich.console import Console

from ..errors import BadOptions, InputError, ModelError, SmolVLMError

BAD_USAGE, BAD_INPUT, NO_MODEL, INTERRUPTED = 2, 3, 4, 130

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)


def exit_code(error: SmolVLMError) -> int:
    """2 usage, 3 bad input, 4 model unavailable, 1 for the rest."""
    if isinstance(error, BadOptions):
        return BAD_USAGE
    if isinstance(error, InputError):
        return BAD_INPUT
    return NO_MODEL if isinstance(error, ModelError) else 1


def report(error: SmolVLMError) -> None:
    """One line on stderr: what was wrong and what to do."""
    stderr.print(f"error: {error}", style="red", markup=False, soft_wrap=True)


def note(text: str) -> None:
    """One dim line on stderr."""
    stderr.print(text, style="dim", markup=False, soft_wrap=True)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn typed errors and Ctrl-C into one line and an exit code."""
    try:
        yield
    except SmolVLMError as error:
        report(error)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        stderr.print("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        raise typer.Exit(0) from None


def working(text: str) -> ContextManager[Any]:
    """A spinner on stderr, where stderr is a terminal."""
    return stderr.status(text, spinner="dots") if stderr.is_terminal else nullcontext()


def print_json(value: Any) -> None:
    """Plain JSON on stdout, uncoloured, unwrapped."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))

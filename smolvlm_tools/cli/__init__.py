r"""The `smolvlm` command: typer commands over the public API; no engine internals.

    main -> run -> app -> asking | planning | exporting | machine | … -> public API
                    \-- plugins: commands of other packages    \-- console: what goes where

Whatever is heavy (pydantic, runtimes, the hub's client) is imported inside the command that needs
it, so that help and usage errors come at once.
"""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Entry point of the `smolvlm` command; ends the process with its exit code."""
    from .process import INTERRUPTED, end, interrupted, watch_interrupts

    watch_interrupts()
    try:
        from .run import run

        code = run()
    except KeyboardInterrupt:  # while the command was still being imported
        interrupted()
    if code == INTERRUPTED:
        interrupted()
    end(code)

"""The `smolvlm` command.

    main, process           start, Ctrl-C, exit codes
    run, app                one run; the list of commands
    command, *_options      how a command and its options are declared
    *_commands              the commands: their options and help
    plugins                 commands of other packages
    asking, image_task      describe, ask, transcribe, extract
    chatting, viewing       chat, view
    planning, pulling       plan, pull
    ingesting               ingest
    converting              export, quantize
    calibrating             calibrate
    quality, machine        quality; models, doctor
    console                 what goes to stdout and what to stderr

The commands import their work when they are called, so that help and usage errors come at once:
whatever is heavy (pydantic, runtimes, the hub's client) is loaded only then.
"""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the `smolvlm` command and exit with its code."""
    from .process import run_and_exit

    def run() -> int:
        from .run import run

        return run()

    run_and_exit(run)

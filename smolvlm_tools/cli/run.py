"""One run of the command: every failure becomes one line on stderr and an exit code."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from typer import Typer, TyperException

from ..errors import BadOptions, IncompleteAnswer, InputError, ModelError, SmolVLMError
from .app import app
from .console import report
from .logs import hide_logs
from .process import BAD_INPUT, BAD_USAGE, FAILED, INCOMPLETE, NO_MODEL, OK


def run(
    arguments: Sequence[str] | None = None, command: Typer = app, program: str = "smolvlm"
) -> int:
    """Run the command with `arguments`, the process's own when None, and return its exit code."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # our errors say it better
    try:
        code = command(arguments, prog_name=program, standalone_mode=False)
    except SmolVLMError as error:
        report(error)
        if isinstance(error, BadOptions):
            return BAD_USAGE
        if isinstance(error, InputError):
            return BAD_INPUT
        if isinstance(error, IncompleteAnswer):  # of a plugin: our own commands go on after it
            return INCOMPLETE
        return NO_MODEL if isinstance(error, ModelError) else FAILED
    except TyperException as error:
        report(_usage(error))
        return error.exit_code
    finally:
        hide_logs()
    return code or OK


def _usage(error: TyperException) -> BadOptions:
    """The error of a malformed command line, with the command's usage."""
    context = getattr(error, "ctx", None)
    reason = error.format_message().replace("Value error, ", "")  # pydantic's, of an unknown choice
    if context is None:
        return BadOptions(reason, "Run `smolvlm --help`.")
    command = context.command_path
    pieces = " ".join(context.command.collect_usage_pieces(context))
    usage = f"Usage: {command} {pieces}"
    return BadOptions(reason, f"{usage} (more with `{command} --help`)")

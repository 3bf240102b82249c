"""One run of the command: every failure becomes one line on stderr and an exit code."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from typer import Typer, TyperException

from ..errors import BadOptions, IncompleteAnswer, InputError, ModelError, SmolVLMError
from .app import app
from .console import report
from .process import BAD_INPUT, BAD_USAGE, FAILED, INCOMPLETE, NO_MODEL, OK


def run(
    arguments: Sequence[str] | None = None, command: Typer = app, program: str = "smolvlm"
) -> int:
    """Run the command with `arguments`, the process's own when None, and return its exit code."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # our errors say it better
    try:
        code = command(arguments, prog_name=program, standalone_mode=False)
    except SmolVLMError as error:
        report(_in_words_of_flags(error))
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
    return code or OK


_FLAGS = {"local_files_only": "--offline", 'the model "embedded"': "`--model embedded`"}
"""What remedies call them that are written for Python."""


def _in_words_of_flags(error: SmolVLMError) -> SmolVLMError:
    remedy = error.remedy
    for name, flag in _FLAGS.items():
        remedy = remedy.replace(name, flag)
    return error if remedy == error.remedy else error.reworded(error.reason, remedy)


def _usage(error: TyperException) -> BadOptions:
    """The error of a malformed command line, with the command's usage."""
    context = getattr(error, "ctx", None)
    if context is None:
        return BadOptions(error.format_message(), "Run `smolvlm --help`.")
    command = context.command_path
    pieces = " ".join(context.command.collect_usage_pieces(context))
    usage = f"Usage: {command} {pieces}"
    return BadOptions(error.format_message(), f"{usage} (more with `{command} --help`)")

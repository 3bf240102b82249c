"""`smolvlm tools`: the tools that agents get, in the form their API wants."""

from __future__ import annotations

from ..tools import tool_schemas
from .console import reserve_stdout


def print_tools(format: str) -> None:
    """Print every tool as JSON.

    Raises:
        BadOptions: an unknown format.
    """
    with reserve_stdout() as answers:
        answers.json(tool_schemas(format))

"""How the pages of `--help` differ from typer's."""

from __future__ import annotations

import inspect
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


def in_paragraphs(text: str | None) -> str | None:
    """A docstring whose paragraphs are one line each.

    Typer keeps the line breaks of all but the first, which are those of the source: on another
    width lines of a word or two would stand between the others.
    """
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def flags_alone(parameters: list[Any]) -> list[Any]:
    """The parameters, of which flags show no type: "--json <bool>" looks as if it took a value."""
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag and each.metavar is None:
            each.metavar = ""
    return parameters


class PlainCommand(TyperCommand):
    """A command with such a page."""

    def __init__(self, *args: Any, help: str | None = None, **options: Any) -> None:
        super().__init__(*args, help=in_paragraphs(help), **options)

    def get_params(self, ctx: Any) -> list[Any]:
        return flags_alone(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A group of commands with such a page."""

    def __init__(self, *args: Any, help: str | None = None, **options: Any) -> None:
        super().__init__(*args, help=in_paragraphs(help), **options)

    def get_params(self, ctx: Any) -> list[Any]:
        return flags_alone(super().get_params(ctx))

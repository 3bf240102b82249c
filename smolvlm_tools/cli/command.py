"""How a command is declared: a function, an example, and options that dataclasses share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, TypeAlias

import typer

from .logs import show_logs

Verbose: TypeAlias = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        metavar="",
        show_default=False,
        help="Say on stderr what is done and how long it takes; twice for every step.",
    ),
]


@dataclass(frozen=True, slots=True)
class Command:
    """A function for typer, and the text under its help."""

    run: Callable[..., None]
    epilog: str


def command(
    *examples: str, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function with `options_from_fields`, and give it --verbose.

    Args:
        examples: command lines to show under the help, each short enough for a line of a terminal.
        without: fields that get no option and keep their defaults.
    """

    def declare(function: Callable[..., None]) -> Command:
        run = _with_verbose(options_from_fields(function, without))
        return Command(run, "\n".join(f"Example: {example}" for example in examples))

    return declare


def options_from_fields(
    function: Callable[..., None], without: Collection[str] = ()
) -> Callable[..., None]:
    """Make a function for typer of a function, whose docstring becomes the help.

    A parameter whose type is a dataclass becomes one option for each of its fields, with the
    field's name, annotation and default. `--offline` comes last in every help.
    """
    signature = inspect.signature(function, eval_str=True)
    groups: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            fields = inspect.signature(kind, eval_str=True).parameters
            shown = [field for name, field in fields.items() if name not in without]
            groups[parameter.name] = (kind, [field.name for field in shown])
            parameters += shown
        else:
            parameters.append(parameter)
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    parameters.sort(key=lambda each: each.name == "offline")

    @functools.wraps(function)
    def run(**given: Any) -> None:
        values = {
            name: kind(**{field: given.pop(field) for field in fields})
            for name, (kind, fields) in groups.items()
        }
        function(**given, **values)

    # Where `inspect.signature`, and so typer, looks first.
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return run


def _with_verbose(function: Callable[..., None]) -> Callable[..., None]:
    """The function with one more option, for its log."""
    signature = inspect.signature(function)
    kind = inspect.Parameter.KEYWORD_ONLY
    verbose = inspect.Parameter("verbose", kind, default=0, annotation=Verbose)

    @functools.wraps(function)
    def run(*, verbose: int = 0, **given: Any) -> None:
        show_logs(verbose)
        function(**given)

    parameters = [*signature.parameters.values(), verbose]
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return run

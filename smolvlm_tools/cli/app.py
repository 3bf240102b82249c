"""The `smolvlm` command's table of contents."""

from __future__ import annotations

from typing import Annotated

import typer

from .command import Verbose
from .evaluate_command import evaluate
from .finetune_command import finetune
from .help_pages import PlainCommand
from .image_commands import ask, chat, describe, extract, plan, transcribe, view
from .ingest_command import ingest
from .logs import show_logs
from .model_commands import (
    calibrate,
    doctor,
    export,
    models,
    pull,
    quality,
    quantize,
    tools,
    tune,
)
from .plugins import SETTINGS, Commands

app = typer.Typer(
    name="smolvlm",
    cls=Commands,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
    epilog='Example: smolvlm ask receipt.png "What is the total?" --model embedded',
)


@app.callback(invoke_without_command=True)
def smolvlm(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    verbose: Verbose = 0,
) -> None:
    """SmolVLM on your own machine: describe images, ask about them, read their text.

    Answers go to stdout, progress and notices to stderr.

    Exit codes: 0 ok, 2 usage, 3 bad input, 4 model unavailable, 5 `quality` found a bound broken,
    6 no whole, sure and valid answer, 130 interrupted.
    """
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit
    show_logs(verbose)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _each in (
    *(describe, ask, transcribe, extract, chat, view, plan),
    ingest,
    *(tools, evaluate, finetune, export, quantize, quality, calibrate, tune),
    *(pull, models, doctor),
):
    app.command(cls=PlainCommand, epilog=_each.epilog)(_each.run)

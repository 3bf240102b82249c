"""The `smolvlm` command's table of contents; knows the commands by name, not what they do."""

from __future__ import annotations

from typing import Annotated

import typer

from . import image_commands, model_commands
from .plugins import SETTINGS, Commands

app = typer.Typer(
    name="smolvlm",
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
    epilog='Example: smolvlm ask receipt.png "What is the total?" --model embedded',
)


@app.callback(invoke_without_command=True)
def smolvlm(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """SmolVLM on your own machine: describe images, ask about them, read their text.

    Answers go to stdout, progress and notices to stderr.

    Exit codes: 0 ok, 2 usage, 3 bad input, 4 model unavailable, 5 `quality` found a bound broken,
    130 interrupted.
    """
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


COMMANDS = (
    (
        image_commands.describe,
        "Example: smolvlm describe photo.jpg other.png --json --model embedded",
    ),
    (
        image_commands.ask,
        'Example: smolvlm ask shapes.png "What color is the circle?" --model embedded',
    ),
    (image_commands.transcribe, "Example: smolvlm transcribe page.png --model embedded > page.txt"),
    (
        image_commands.extract,
        "Example: smolvlm extract invoice.png --schema invoice.json --model embedded",
    ),
    (image_commands.plan, "Example: smolvlm plan page.png --memory-budget 900MB --device cuda"),
    (model_commands.tools, "Example: smolvlm tools --format openai"),
    (
        model_commands.export,
        "Example: smolvlm export ./my-finetune --out ./my-onnx --precision fp32,int8",
    ),
    (
        model_commands.quantize,
        "Example: smolvlm quantize 256m --out ./smolvlm-nf4 --precision bnb-nf4",
    ),
    (
        model_commands.quality,
        "Example: smolvlm quality embedded --precision int8,q4 --backend torch --json",
    ),
    (model_commands.models, "Example: smolvlm models --json"),
    (model_commands.doctor, "Example: smolvlm doctor"),
)
"""Each command and the example under its help, in the order of `smolvlm --help`."""

for _command, _example in COMMANDS:
    app.command(epilog=_example)(_command)

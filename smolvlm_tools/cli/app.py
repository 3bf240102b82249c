"""The commands and their help; each hands over to the public API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .asking import Asking, answer_images
from .console import exit_codes
from .options import (
    Backend,
    Device,
    Images,
    Json,
    MaxNewTokens,
    Model,
    ModelChoice,
    Offline,
    Precision,
    ResolutionOption,
    Revision,
    Stream,
)

app = typer.Typer(
    name="smolvlm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="SmolVLM on your own machine: describe images, ask about them, read their text.\n\n"
    "Answers go to stdout, progress and notices to stderr. Exit codes: 0 ok, 2 usage, "
    "3 bad input, 4 model unavailable, 130 interrupted.",
    epilog='Example: smolvlm ask receipt.png "What is the total?" --model embedded',
)

DEFAULT_MODEL = "256m"


@app.command(epilog="Example: smolvlm describe photo.jpg other.png --json --model embedded")
def describe(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Say in words what each image shows."""
    choice = ModelChoice(model, revision, backend, precision, device, offline)
    with exit_codes():
        answer_images(
            images, choice, Asking("describe", "", resolution, max_new_tokens, json, stream)
        )


@app.command(epilog='Example: smolvlm ask shapes.png "What color is the circle?" --model embedded')
def ask(
    images: Images,
    question: Annotated[str, typer.Argument(help="What to ask about each image.")],
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Answer a question about each image."""
    choice = ModelChoice(model, revision, backend, precision, device, offline)
    with exit_codes():
        answer_images(
            images, choice, Asking("ask", question, resolution, max_new_tokens, json, stream)
        )


@app.command(epilog="Example: smolvlm transcribe page.png > page.txt")
def transcribe(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Read the text in each image, line by line."""
    choice = ModelChoice(model, revision, backend, precision, device, offline)
    with exit_codes():
        answer_images(
            images, choice, Asking("transcribe", "", resolution, max_new_tokens, json, stream)
        )


@app.command(epilog="Example: smolvlm plan page.png --resolution native --model embedded")
def plan(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    resolution: ResolutionOption = "auto",
    task: Annotated[str, typer.Option(help="describe, ask or transcribe.")] = "describe",
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Tell how many tiles and tokens each image would take; the model is not loaded."""
    from .planning import print_plans

    with exit_codes():
        print_plans(images, model, revision, offline, resolution, task, json)


@app.command(epilog="Example: smolvlm export ./my-finetune --out ./my-onnx --precision fp32,int8")
def export(
    checkpoint: Annotated[
        str, typer.Argument(help="Alias, hub id or folder with safetensors weights.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write to; may be the checkpoint's own.")
    ],
    precision: Annotated[str, typer.Option(help="Comma list of fp32, int8, q4.")] = "fp32",
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Write ONNX files in the hub's layout and check them against torch."""
    from .exporting import export_and_report

    with exit_codes():
        export_and_report(checkpoint, out, precision, revision, offline, json)


@app.command()
def models(json: Json = False) -> None:
    """List the aliases, their sizes, and what is on this machine."""
    from .machine import print_models

    with exit_codes():
        print_models(json)


@app.command()
def doctor(json: Json = False) -> None:
    """Tell what is installed, try every backend, and say what to install for more."""
    from .machine import print_doctor

    with exit_codes():
        print_doctor(json)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Show the version; the help text stands above."""
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the `smolvlm` command."""
    app()

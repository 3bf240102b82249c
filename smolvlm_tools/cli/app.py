"""The commands and their help; each hands over to the module that does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DEFAULT_MODEL,
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
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Example: smolvlm ask receipt.png "What is the total?" --model embedded',
)


@app.callback(invoke_without_command=True)
def smolvlm(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """SmolVLM on your own machine: describe images, ask about them, read their text.

    Answers go to stdout, progress and notices to stderr.

    Exit codes: 0 ok, 2 usage, 3 bad input, 4 model unavailable, 130 interrupted.
    """
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


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
    from .asking import Asking, answer_images

    choice = ModelChoice(model, revision, backend, precision, device, offline)
    asking = Asking("describe", "", resolution, max_new_tokens, json, stream)
    answer_images(images, choice, asking)


@app.command(epilog='Example: smolvlm ask shapes.png "What color is the circle?" --model embedded')
def ask(
    images: Images,
    question: Annotated[
        str,
        typer.Argument(
            metavar="QUESTION",
            help="What to ask about each image, as one quoted argument.",
            show_default=False,
        ),
    ],
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
    from .asking import Asking, answer_images

    choice = ModelChoice(model, revision, backend, precision, device, offline)
    asking = Asking("ask", question, resolution, max_new_tokens, json, stream)
    answer_images(images, choice, asking)


@app.command(epilog="Example: smolvlm transcribe page.png --model embedded > page.txt")
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
    from .asking import Asking, answer_images

    choice = ModelChoice(model, revision, backend, precision, device, offline)
    asking = Asking("transcribe", "", resolution, max_new_tokens, json, stream)
    answer_images(images, choice, asking)


@app.command(epilog="Example: smolvlm plan page.png --task transcribe --model embedded")
def plan(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    resolution: ResolutionOption = "auto",
    task: Annotated[
        str, typer.Option(metavar="TASK", help="describe, ask or transcribe.")
    ] = "describe",
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Tell how many tiles and tokens each image would take; needs no weights."""
    from .planning import print_plans

    print_plans(images, model, revision, offline, resolution, task, json)


@app.command(epilog="Example: smolvlm export ./my-finetune --out ./my-onnx --precision fp32,int8")
def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Alias, hub id or folder with safetensors weights.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder to write to; may be the checkpoint's own.",
            show_default=False,
        ),
    ],
    precision: Annotated[
        str, typer.Option(metavar="LIST", help="One or more of fp32, int8, q4, with commas.")
    ] = "fp32",
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    r"""Write ONNX files in the hub's layout, so that the model runs without torch.

    fp32 must match torch before anything is kept; other errors are printed.

    Needs `pip install 'smolvlm-tools\[export]'`.
    """
    from .exporting import export_and_report

    export_and_report(checkpoint, out, precision, revision, offline, json)


@app.command(epilog="Example: smolvlm models --json")
def models(json: Json = False) -> None:
    """List the models that have short names, their sizes, and which are on this machine."""
    from .machine import print_models

    print_models(json)


@app.command(epilog="Example: smolvlm doctor")
def doctor(json: Json = False) -> None:
    """Tell what is installed, try every backend, and say what to install for more.

    Exit code 4 when no backend works.
    """
    from .machine import print_doctor

    print_doctor(json)

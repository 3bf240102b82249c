"""The commands and their help; each hands over to the module that does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DEFAULT_MODEL,
    Adapter,
    Backend,
    Device,
    Images,
    Json,
    MaxNewTokens,
    MemoryBudget,
    Model,
    ModelChoice,
    Offline,
    Precision,
    ResolutionOption,
    Revision,
    Stream,
)
from .quality_options import (
    AUTO,
    Gate,
    MaxKl,
    MaxPerplexityRise,
    MaxTaskLoss,
    Parts,
    Positions,
    Precisions,
    QualityCheckpoint,
    Reference,
    Tasks,
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

    Exit codes: 0 ok, 2 usage, 3 bad input, 4 model unavailable, 5 `quality` found a bound broken,
    130 interrupted.
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
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Say in words what each image shows."""
    from .asking import Asking, answer_images

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
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
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Answer a question about each image."""
    from .asking import Asking, answer_images

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
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
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Read the text in each image, line by line."""
    from .asking import Asking, answer_images

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
    asking = Asking("transcribe", "", resolution, max_new_tokens, json, stream)
    answer_images(images, choice, asking)


@app.command(epilog="Example: smolvlm plan page.png --memory-budget 900MB --device cuda")
def plan(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Such requests that decode together.")
    ] = 1,
    task: Annotated[
        str, typer.Option(metavar="TASK", help="describe, ask or transcribe.")
    ] = "describe",
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Tell how many tiles, tokens and bytes each image would take; loads no weights.

    The device need not be there.
    """
    from .planning import Wish, print_plans

    choice = ModelChoice(model, revision, backend, precision, device, offline, None, memory_budget)
    print_plans(images, choice, Wish(resolution, task, max_new_tokens, batch), json)


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
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="LoRA adapter to merge into the weights first: a folder or a hub id.",
            show_default=False,
        ),
    ] = None,
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    r"""Write ONNX files in the hub's layout, so that the model runs without torch.

    fp32 must match torch before anything is kept; other errors are printed.

    Needs `pip install 'smolvlm-tools\[export]'`.
    """
    from .exporting import export_and_report

    export_and_report(checkpoint, out, precision, revision, offline, json, adapter)


@app.command(epilog="Example: smolvlm quantize 256m --out ./smolvlm-nf4 --precision bnb-nf4")
def quantize(
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
        typer.Option(metavar="DIR", help="Folder to write to.", show_default=False),
    ],
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="int8, q4, bnb-int8, bnb-nf4, torchao-int8, torchao-int8-dynamic, torchao-int4, "
            "quanto-int8, quanto-int4 or quanto-float8; or one for each component: "
            "vision=bf16,connector=bf16,decoder=bnb-nf4,lm_head=bf16.",
            show_default=False,
        ),
    ],
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="LoRA adapter to merge into the weights first: a folder or a hub id.",
            show_default=False,
        ),
    ] = None,
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    r"""Write safetensors with quantized weights, which torch loads without quantizing again.

    A name alone is the decoder's; vision tower and connector stay bf16.

    Needs `pip install 'smolvlm-tools\[quant]'`; for int8 and q4 'smolvlm-tools\[torch]' will do.
    """
    from .quantizing import quantize_and_report

    quantize_and_report(checkpoint, out, precision, adapter, revision, offline, json)


@app.command(epilog="Example: smolvlm quality embedded --precision int8,q4 --backend torch --json")
def quality(
    checkpoint: QualityCheckpoint,
    precision: Precisions = AUTO,
    backend: Backend = "auto",
    device: Device = "auto",
    reference: Reference = "fp32",
    tasks: Tasks = None,
    parts: Parts = "text,images,tasks",
    positions: Positions = 512,
    max_kl: MaxKl = 0.01,
    max_perplexity_rise: MaxPerplexityRise = 0.01,
    max_task_loss: MaxTaskLoss = None,
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Measure what precisions cost in quality, beside fp32 on the same inputs.

    Exit code 5 when a bound is broken; it says which.
    """
    from .quality import measure_and_judge

    bounds = (max_kl, max_perplexity_rise, max_task_loss)
    gate = Gate(precision, backend, device, reference, tasks, parts, positions, *bounds)
    measure_and_judge(checkpoint, gate, revision, offline, json)


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

"""The commands about models and the machine, and their help; each hands over to its module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Backend, Device, Json, Offline, Revision
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


def models(json: Json = False) -> None:
    """List the models that have short names, their sizes, and which are on this machine."""
    from .machine import print_models

    print_models(json)


def doctor(json: Json = False) -> None:
    """Tell what is installed, try every backend, and say what to install for more.

    Exit code 4 when no backend works.
    """
    from .machine import print_doctor

    print_doctor(json)


def tools(
    format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="mcp, openai, anthropic or json-schema.")
    ] = "mcp",
) -> None:
    """Print the tools for agents: names, descriptions and schemas, as JSON.

    `smolvlm_tools.tools.Toolbox` runs them by name; `smolvlm mcp` serves them.
    """
    from .tools_command import print_tools

    print_tools(format)

"""The commands about models and the machine: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .command import command
from .options import Json, Offline, Revision, Weights
from .quality_options import AUTO, Precisions, QualityOptions


@command("smolvlm tools --format openai")
def tools(
    format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="mcp, openai, anthropic or json-schema.")
    ] = "mcp",
) -> None:
    """Print the tools for agents: names, descriptions and schemas, as JSON.

    `smolvlm_tools.tools.Toolbox` runs them by name; `smolvlm mcp` serves them.
    """
    from ..tools import tool_schemas
    from .console import reserve_stdout

    with reserve_stdout() as answers:
        answers.json(tool_schemas(format))


@command("smolvlm export ./my-finetune --out ./my-onnx --precision fp32,int8")
def export(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder to write to; may be the checkpoint's own.")
    ],
    precision: Annotated[
        str,
        typer.Option(metavar="LIST", help="One or more of fp32, int8, q4, separated by commas."),
    ] = "fp32",
    weights: Weights,
    json: Json = False,
) -> None:
    r"""Write ONNX files in the hub's layout, so that the model runs without torch.

    Nothing is kept unless fp32 matches torch; the errors of the other precisions are printed.

    Needs `pip install 'smolvlm-tools\[export]'`.
    """
    from .converting import export_weights

    export_weights(weights, out, precision, json)


@command("smolvlm quantize 256m --out ./smolvlm-nf4 --precision bnb-nf4")
def quantize(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")],
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="int8, q4, bnb-int8, bnb-nf4, torchao-int8, torchao-int8-dynamic, torchao-int4, "
            "quanto-int8, quanto-int4 or quanto-float8; or one for each component: "
            "vision=bf16,connector=bf16,decoder=bnb-nf4,lm_head=bf16.",
        ),
    ],
    weights: Weights,
    json: Json = False,
) -> None:
    r"""Write safetensors with quantized weights, which torch loads without quantizing again.

    A single name is the decoder's; the vision tower and the connector stay bf16.

    Needs `pip install 'smolvlm-tools\[quant]'`; for int8 and q4, 'smolvlm-tools\[torch]' is enough.
    """
    from .converting import quantize_weights

    quantize_weights(weights, out, precision, json)


@command("smolvlm quality embedded --precision int8,q4 --backend torch --json")
def quality(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Alias, hub id or folder.")
    ],
    *,
    precision: Precisions = AUTO,
    options: QualityOptions,
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Measure what precisions cost in quality, compared with fp32 on the same inputs.

    Exit code 5 when a bound is broken; the output says which.
    """
    from .quality import measure_and_judge

    measure_and_judge(checkpoint, revision, offline, precision, options, json)


@command("smolvlm models --json")
def models(json: Json = False) -> None:
    """List the models that have short names, their sizes, and which are on this machine."""
    from .machine import print_models

    print_models(json)


@command("smolvlm doctor")
def doctor(json: Json = False) -> None:
    """Tell what is installed, try every backend, and say what to install for more.

    Exit code 4 when no backend works.
    """
    from .machine import print_doctor

    print_doctor(json)

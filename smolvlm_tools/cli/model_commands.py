"""The commands about models and the machine: their options and help."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadOptions
from .command import command
from .options import Json, ModelChoice, Offline, ResolutionOption, Revision
from .quality_options import AUTO, Precisions, QualityOptions
from .weights import Weights


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


@command(
    "smolvlm export ./my-finetune --out ./my-onnx --precision fp32,int8",
    "smolvlm export ./my-finetune --out ./my-onnx --images ./scans",
)
def export(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder to write to; may be the checkpoint's own.")
    ],
    precision: Annotated[
        str,
        typer.Option(metavar="LIST", help="One or more of fp32, int8, q4, separated by commas."),
    ] = "fp32",
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write the vision tower in static int8 for backend openvino, measured on "
            "this folder's images: a dozen like those that the model will see.",
        ),
    ] = None,
    weights: Weights,
    json: Json = False,
) -> None:
    r"""Write ONNX files in the hub's layout, so that the model runs without torch.

    Nothing is kept unless fp32 matches torch; the errors of the other precisions are printed.

    Needs `pip install 'smolvlm-tools\[export]'`; for --images, 'smolvlm-tools\[static]'.
    """
    from .converting import export_weights

    export_weights(weights, out, precision, images, json)


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
            "vision=bf16,decoder=bnb-nf4,lm_head=bf16.",
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


@command(
    "smolvlm calibrate ./my-images --model embedded --out calibration.json",
    without=("calibration",),
)
def calibrate(
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            help='JSONL of {"image": PATH, "question": TEXT, "answer": …}, or a folder with a '
            "labels.jsonl; docs/confidence.md has all its forms.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path(
        "calibration.json"
    ),
    held_out: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS",
            help="Others to measure on, never to fit on.  \\[default: measure out of fold]",
        ),
    ] = None,
    unlabelled: Annotated[
        bool,
        typer.Option(
            "--unlabelled",
            help="Correct closed choices by what the model says of images without content; answers "
            "may be missing.",
        ),
    ] = False,
    share_right: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="Find the min_confidence that is right so often."
        ),
    ] = 0.95,
    seed: Annotated[int, typer.Option(metavar="N", help="Of folds, resampling and noise.")] = 0,
    resolution: ResolutionOption = "auto",
    choice: ModelChoice,
    json: Json = False,
) -> None:
    """Fit confidence to your own images, so that 0.9 means right nine times in ten.

    Takes 16 labelled questions or more, better 100 of each kind. The file holds for the model,
    backend and precision it was made with.
    """
    from ..quality.calibrate import Wish
    from .calibrating import Files, run_calibrate
    from .options import parse_resolution

    wish = Wish(share_right, seed, parse_resolution(resolution))
    run_calibrate(Files(labels, held_out, out), unlabelled, choice, wish, json)


@command("smolvlm tune embedded --json")
def tune(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Alias, hub id or folder.")
    ] = "256m",
    *,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="CPU threads to compute with.  \\[default: all]"),
    ] = None,
    rounds: Annotated[
        int, typer.Option(metavar="N", help="How often each is measured; the quickest counts.")
    ] = 2,
    revision: Revision = None,
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Measure which backend runs a model quickest on this machine, and have "auto" go by it.

    One tile, a short prompt and some tokens with each backend and precision that is there: seconds
    each. The result is kept for models of this shape, this CPU, these threads and releases.
    """
    from .tuning import print_tuning

    print_tuning(model, threads, rounds, revision, offline, json)


@command("smolvlm pull 500m", without=("model", "calibration", "base_url"))
def pull(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Alias (see `smolvlm models`) or hub id.")
    ],
    *,
    choice: ModelChoice,
    json: Json = False,
) -> None:
    """Download a model: the files that would be loaded on this machine, verified.

    --backend, --precision and --memory-budget choose others, as they do when it is loaded.
    """
    from .pulling import pull as fetch

    fetch(replace(choice, model=model), as_json=json)


@command("smolvlm models --json")
def models(json: Json = False) -> None:
    """List the models that have short names, their sizes, and which are on this machine."""
    from .machine import print_models

    print_models(json)


@command("smolvlm doctor --verify")
def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="With --verify: only this alias, hub id or folder.  \\[default: all that are "
            "downloaded, and the one in the package]",
        ),
    ] = None,
    *,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Instead, read all files of the models, and compare digests."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Tell what is installed, try every backend, and say what to install for more.

    Exit code 4 when no backend works, or a file of a model is not as it should be.
    """
    if verify:
        from .verifying import print_verified

        print_verified(model, json)
        return
    if model is not None:
        raise BadOptions(f"the doctor was asked about {model!r}", "Add --verify.")
    from .machine import print_doctor

    print_doctor(json)

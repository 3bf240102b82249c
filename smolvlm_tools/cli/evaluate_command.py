"""The options and help of `smolvlm evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .command import command
from .evaluate_options import SampleOptions
from .options import Json, ModelChoice


@command(
    "smolvlm evaluate 256m --task docvqa --limit 200",
    "smolvlm evaluate embedded --task ./labels.jsonl --metric anls",
    without=("model", "calibration"),
)
def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Alias (see `smolvlm models`), hub id or folder.")
    ],
    *,
    samples: SampleOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=r"Folder for the report and the answers.  \[default: evaluation-TASK]",
        ),
    ] = None,
    choice: ModelChoice,
    json: Json = False,
) -> None:
    """Score a model on the benchmarks of SmolVLM's model card, or on your own questions.

    Answers are kept in the folder as they come: the same command goes on where it was broken off.
    Scores have 95 % intervals and stand beside the card's, where it has one for the model.
    """
    from .evaluating import run_evaluate

    run_evaluate(replace(choice, model=model), samples, out, json)

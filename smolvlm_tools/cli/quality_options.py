"""The options of `smolvlm quality`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .options import Backend, Device

AUTO = ["auto"]
Precisions: TypeAlias = Annotated[
    list[str],
    typer.Option(
        metavar="LIST",
        help="What to measure: one or more, separated by commas, or a mixed one such as "
        "vision=int8,decoder=q4. May be given several times.",
    ),
]


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """How precisions are measured, and the bounds they must keep."""

    backend: Backend = "auto"
    device: Device = "auto"
    reference: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What they are compared with: a precision of the same backend, or BACKEND:NAME.",
        ),
    ] = "fp32"
    tasks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with images and a tasks.jsonl of questions and right answers. The "
            "embedded model has its own.",
        ),
    ] = None
    parts: Annotated[
        str, typer.Option(metavar="LIST", help="Some of text, images, tasks, separated by commas.")
    ] = "text,images,tasks"
    positions: Annotated[int, typer.Option(metavar="N", help="Tokens of the passage to read.")] = (
        512
    )
    max_kl: Annotated[
        float, typer.Option(metavar="NATS", min=0, help="Bound on every text's mean KL.")
    ] = 0.01
    max_perplexity_rise: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0,
            help="Bound on the rise of the passage's perplexity, over at least 256 positions.",
        ),
    ] = 0.01
    max_task_loss: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            min=0,
            help=r"Bound on how much worse a task's score may be.  \[default: 0.02; 0.05 for "
            "fewer than 200 samples]",
        ),
    ] = None

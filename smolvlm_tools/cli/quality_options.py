"""The options of `smolvlm quality`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AUTO = ["auto"]

QualityCheckpoint: TypeAlias = Annotated[
    str, typer.Argument(metavar="CHECKPOINT", help="Alias, hub id or folder.", show_default=False)
]
Precisions: TypeAlias = Annotated[
    list[str],
    typer.Option(
        metavar="LIST",
        help="What is measured: one or more with commas, or a mixed one such as "
        "vision=int8,decoder=q4. May be given several times.",
    ),
]
Reference: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What they are compared with: a precision of the same backend, or BACKEND:NAME.",
    ),
]
Tasks: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder with images and a tasks.jsonl of questions and right answers. The embedded "
        "model has its own.",
        show_default=False,
    ),
]
Parts: TypeAlias = Annotated[
    str, typer.Option(metavar="LIST", help="Some of text, images, tasks, with commas.")
]
Positions: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Tokens of the passage to read.")
]
MaxKl: TypeAlias = Annotated[
    float, typer.Option(metavar="NATS", min=0, help="Bound on every text's mean KL.")
]
MaxPerplexityRise: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        min=0,
        help="Bound on the rise of the passage's perplexity, over at least 256 positions.",
    ),
]
MaxTaskLoss: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SCORE",
        min=0,
        help=r"Bound on how much worse a task's score may be.  \[default: 0.02; 0.05 for fewer "
        "than 200 samples]",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Gate:
    """What is measured, and what it must keep to."""

    precisions: list[str]
    backend: str
    device: str
    reference: str
    tasks: Path | None
    parts: str
    positions: int
    max_kl: float
    max_perplexity_rise: float
    max_task_loss: float | None

"""`smolvlm finetune`: its arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .command import command
from .finetune_options import DataWish, LearnOptions, RunWish
from .options import Json


@command(
    "smolvlm finetune train.jsonl --model 256m --out mine --plan",
    "smolvlm finetune train.jsonl --model 256m --out mine",
    "smolvlm ask receipt.png 'What is the total?' -m 256m --adapter mine/adapter",
)
def finetune(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="JSONL, JSON or CSV of conversations or questions about images, or a folder of "
            "images with captions; docs/finetune.md shows each form.",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the adapter, merged model and report."),
    ],
    run: RunWish,
    wish: DataWish,
    learn: LearnOptions,
    json: Json = False,
) -> None:
    r"""Teach a model your own images and answers.

    All samples are checked before the first step. Only answers are learned, images are never cut
    off, and the report shows held-out answers before and after. Ctrl-C keeps what was learned: the
    same command goes on.

    Needs `pip install 'smolvlm-tools\[train]'`.
    """
    from .finetuning import run_finetune

    run_finetune(data, out, run, (wish, learn), json)

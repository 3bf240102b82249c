"""The options of `smolvlm evaluate` about samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What is asked, and how."""

    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="docvqa, textvqa, chartqa, ocrbench, ai2d, scienceqa, mmstar, mmmu, mathvista; or "
            "a file (.jsonl, .csv, .tsv, .parquet) or folder of your own.",
        ),
    ]
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="Of a benchmark: a file that is here already, or hub for the hub's parquet "
            r"files.  \[default: fetch VLMEvalKit's table]",
        ),
    ] = ""
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of your own file: exact, contains, anls, vqa, relaxed or choice.  "
            r"\[default: exact]",
        ),
    ] = ""
    image_column: Annotated[
        str, typer.Option(metavar="NAME", help="Of your own file: paths of images.")
    ] = "image"
    question_column: Annotated[
        str, typer.Option(metavar="NAME", help="Of your own file: the questions.")
    ] = "question"
    answer_column: Annotated[
        str, typer.Option(metavar="NAME", help="Of your own file: the accepted answers.")
    ] = "answer"
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help=r"Ask only about N samples.  \[default: all]"),
    ] = None
    seed: Annotated[
        int, typer.Option(metavar="N", help="Of the choice of samples, and of the intervals.")
    ] = 0
    concurrency: Annotated[
        int, typer.Option(metavar="N", help="Most questions that are answered together.")
    ] = 4
    resolution: Annotated[
        str | None,
        typer.Option(
            "--resolution",
            "-r",
            metavar="R",
            help=r"auto, native or a number of tiles.  \[default: native for a benchmark, as "
            "behind the card's scores; else auto]",
        ),
    ] = None
    max_new_tokens: Annotated[int, typer.Option(metavar="N", help="Longest reply, in tokens.")] = (
        512
    )

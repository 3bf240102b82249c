"""`smolvlm ingest`: its options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from .command import command
from .ingest_options import Options, RunOptions, WhereOptions, WishOptions
from .options import Json, ModelChoice


@command(
    "smolvlm ingest scans/ report.pdf --out records.jsonl",
    "smolvlm ingest 's3://bucket/*.tif' --out records.parquet",
)
def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Files, folders (searched recursively), glob patterns, http(s) URLs and URLs "
            "that fsspec knows; - reads a list of them from standard input, one on each line.",
        ),
    ],
    *,
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE|DIR",
            help="Where records go: a .jsonl or .parquet file, NAME.parquet/ for a folder of "
            "parts, or another folder for records.jsonl.",
        ),
    ],
    choice: ModelChoice,
    wish: WishOptions,
    run: RunOptions,
    where: WhereOptions,
    json: Json = False,
) -> None:
    """Find out about every page of many files, and write a record for each.

    The same command goes on where it was ended, by Ctrl-C, a kill or a full disk: nothing is lost
    or done twice. Files that have changed are done again.

    Exit code 3 where files or pages could not be read; their records say why.
    """
    from .ingesting import run_ingest

    run_ingest(paths, out, choice, Options(wish, run, where), json)

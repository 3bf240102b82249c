"""The options of commands that convert weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from .options import Offline, Revision


@dataclass(frozen=True, slots=True)
class Weights:
    """The checkpoint to convert, and the adapter to merge into it first."""

    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Alias, hub id or folder with safetensors weights."
        ),
    ]
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="LoRA adapter to merge into the weights first: a folder or a hub id.",
        ),
    ] = None
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove another model's export from DIR."),
    ] = False
    revision: Revision = None
    offline: Offline = False

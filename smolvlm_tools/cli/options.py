"""The options that several commands share."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from ..errors import BadOptions
from ..types import Resolution

Images: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE...", help="Files, URLs or data URIs; - reads stdin."),
]
Model: TypeAlias = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="SMOLVLM_MODEL",
        help="Alias (see `smolvlm models`), hub id, or folder. "
        "'embedded' ships with the package and needs no download.",
    ),
]
Revision: TypeAlias = Annotated[
    str | None, typer.Option(help="Branch, tag or commit on the hub.", show_default=False)
]
Backend: TypeAlias = Annotated[str, typer.Option(help="auto, onnx or torch.")]
Precision: TypeAlias = Annotated[
    str, typer.Option(help="auto, fp32, bf16, fp16, int8, q4, … as the checkpoint offers.")
]
Device: TypeAlias = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
ResolutionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--resolution",
        "-r",
        help="auto, native (as transformers does), or N tiles along the longest edge.",
    ),
]
MaxNewTokens: TypeAlias = Annotated[
    int | None, typer.Option(help="Most tokens to generate.  [default: 512]", show_default=False)
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON and nothing else.")
]
Stream: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help="Print words as they come.  [default: when stdout is a terminal]",
        show_default=False,
    ),
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Use only files that are on this machine.")
]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What `SmolVLM.load` needs to know."""

    model: str
    revision: str | None
    backend: str
    precision: str
    device: str
    offline: bool


def parse_resolution(text: str) -> Resolution:
    """"auto", "native" or a number.

    Raises:
        BadOptions: something else.
    """
    if text == "auto" or text == "native":
        return text
    try:
        return int(text)
    except ValueError:
        raise BadOptions(
            f"resolution {text!r} is not one",
            "Use auto, native or a number of tiles such as 2.",
        ) from None


def read_source(argument: str) -> str | bytes:
    """An IMAGE argument as an image source; `-` is standard input."""
    return sys.stdin.buffer.read() if argument == "-" else argument


"""Options that both servers have; what typer shows of each. None where one was not given."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Precision: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="auto, fp32, bf16, int8, q4, …")
]
Device: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")
]
MemoryBudget: TypeAlias = Annotated[
    str | None, typer.Option(metavar="BYTES", help="Most memory to use, such as 900MB.")
]
Calibration: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help="What `smolvlm calibrate` wrote.")
]
AllowUrls: TypeAlias = Annotated[
    bool | None,
    typer.Option("--allow-urls", help="Fetch images from public http(s) addresses."),
]
AllowHost: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST[:PORT|:*]", help="Host header that HTTP serves; may be repeated."),
]
BatchSize: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", help="Requests that decode together.  \\[default: 8]")
]
Offline: TypeAlias = Annotated[bool | None, typer.Option("--offline", help="Never download.")]
AccessLog: TypeAlias = Annotated[
    bool | None,
    typer.Option("--access-log", help="A line of JSON on stderr for each request and each call."),
]
MaxConnections: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="HTTP connections, at most half of `ulimit -n`.  \\[default: 512]"
    ),
]

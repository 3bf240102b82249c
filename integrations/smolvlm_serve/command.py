"""`smolvlm serve`, `smolvlm-serve` and `python -m smolvlm_serve`: flags to settings, then serving.

What serves is imported when serving begins, so that help and usage errors come at once.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, NoReturn

import typer
from smolvlm_mcp.flags import (
    AccessLog,
    AllowHost,
    AllowUrls,
    BatchSize,
    Calibration,
    Device,
    MaxConnections,
    MemoryBudget,
    Offline,
    Precision,
)

from smolvlm_tools.cli.command import options_from_fields
from smolvlm_tools.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class Flags:
    """The command's options; None where one was not given."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME[:PRECISION]",
            help="Alias, hub id or folder; may be repeated, the first is the default and is loaded "
            "before serving. 'embedded' ships with the package.  \\[default: 256m]",
        ),
    ] = None
    host: Annotated[
        str | None, typer.Option(metavar="H", help="Address to serve on.  \\[default: 127.0.0.1]")
    ] = None
    port: Annotated[
        int | None, typer.Option(metavar="P", help="0 takes any free one.  \\[default: 8000]")
    ] = None
    page: Annotated[
        bool | None, typer.Option("--page/--no-page", help="Serve a page at /.  \\[default: page]")
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Bearer token (API key) that clients must send; needed off loopback. Better set "
            "as SMOLVLM_SERVE_TOKEN: others on this machine can see flags.",
        ),
    ] = None
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="onnx, openvino, torch or auto.")
    ] = None
    precision: Precision = None
    device: Device = None
    memory_budget: MemoryBudget = None
    calibration: Calibration = None
    root: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Folder that tools may read images from; may be repeated.  \\[default: none]",
        ),
    ] = None
    allow_urls: AllowUrls = None
    allow_host: AllowHost = None
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Site whose pages may use this server (CORS); may be repeated."
        ),
    ] = None
    max_queue: Annotated[
        int | None,
        typer.Option(metavar="N", help="Requests that may wait before 429.  \\[default: 32]"),
    ] = None
    batch_size: BatchSize = None
    files_bytes: Annotated[
        int | None,
        typer.Option(metavar="N", help="Bytes of sent files to keep.  \\[default: 64000000]"),
    ] = None
    offline: Offline = None
    access_log: AccessLog = None
    max_connections: MaxConnections = None


@options_from_fields
def command(flags: Flags) -> None:
    """Serve OpenAI's and Ollama's APIs, the typed tools, MCP, and a page, over HTTP.

    Each flag has a variable, such as SMOLVLM_SERVE_MODELS, SMOLVLM_SERVE_PORT and
    SMOLVLM_SERVE_TOKEN; a flag wins.

    Example: smolvlm serve --model embedded

    Example: smolvlm serve --model 256m --memory-budget 900MB --port 8080

    Example: smolvlm serve --model 256m --model 256m:q4 --host 0.0.0.0 --allow-host eyes.lan:*
    """
    try:
        from smolvlm_mcp.settings import unknown_variables

        from .settings import ServeSettings, read_settings

        settings = read_settings(**asdict(flags))
        for name in unknown_variables(ServeSettings):
            print(f"note: {name} is not a setting; see --help", file=sys.stderr, flush=True)
        from .serving import run
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"the server needs the package {error.name}",
            "Run `pip install 'smolvlm-tools[serve]'`.",
        ) from None
    run(settings)


def main() -> NoReturn:
    """Run the `smolvlm-serve` command and exit with its code."""
    from smolvlm_tools.cli.process import run_and_exit

    def run() -> int:
        from smolvlm_tools.cli.plugins import app_of
        from smolvlm_tools.cli.run import run

        return run(command=app_of(command, "smolvlm-serve"), program="smolvlm-serve")

    run_and_exit(run)

"""`smolvlm mcp`, `smolvlm-mcp` and `python -m smolvlm_mcp`: flags to settings, then serving.

The SDK is imported when serving begins, so that help and usage errors come at once.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, NoReturn

import typer

from smolvlm_tools.cli.command import options_from_fields
from smolvlm_tools.errors import BackendUnavailable

from .clients import ClientName
from .flags import (
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


@dataclass(frozen=True, slots=True)
class Flags:
    """The command's options; None where one was not given."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Alias, hub id or folder; 'embedded' ships with the package.  \\[default: 256m]",
        ),
    ] = None
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="onnx, openvino, torch, remote or auto."),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Of the server that runs the model, with --backend remote. Its key is read from "
            "SMOLVLM_API_KEY.",
        ),
    ] = None
    precision: Precision = None
    device: Device = None
    memory_budget: MemoryBudget = None
    calibration: Calibration = None
    root: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Folder that images may be read from; may be repeated.  \\[default: the working "
            "directory on stdio, none on HTTP]",
        ),
    ] = None
    allow_urls: AllowUrls = None
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve streamable HTTP at /mcp instead of stdio."),
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Bearer token that HTTP clients must send; needed off loopback. Better set as "
            "SMOLVLM_MCP_TOKEN: others on this machine can see flags.",
        ),
    ] = None
    allow_host: AllowHost = None
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Origin header that HTTP serves; may be repeated."),
    ] = None
    max_queue: Annotated[
        int | None,
        typer.Option(metavar="N", help="Calls that may wait before 'busy'.  \\[default: 8]"),
    ] = None
    batch_size: BatchSize = None
    offline: Offline = None
    preload: Annotated[
        bool | None,
        typer.Option(
            "--preload", help="Load the model before serving, not at the first call that needs it."
        ),
    ] = None
    access_log: AccessLog = None
    max_connections: MaxConnections = None
    max_sessions: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Sessions; one more ends the oldest that is idle.  \\[default: 500]"
        ),
    ] = None
    head_timeout: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="For a request's head to come.  \\[default: 10]"),
    ] = None
    body_timeout: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="For its body to come.  \\[default: 60]"),
    ] = None
    idle_timeout: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="For a connection between requests.  \\[default: 15]"),
    ] = None
    session_timeout: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="For a session without a request.  \\[default: 1800]"),
    ] = None
    print_config: Annotated[
        ClientName | None,
        typer.Option(
            metavar="CLIENT",
            help="Print what has a client start this with the other options, instead of serving: "
            "claude-desktop, claude-code, cursor, vscode or zed.",
        ),
    ] = None


@options_from_fields
def command(flags: Flags) -> None:
    """Serve the vision tools to MCP clients, over stdio or streamable HTTP.

    Each flag has a variable, such as SMOLVLM_MCP_MODEL, SMOLVLM_MCP_ROOTS, SMOLVLM_MCP_HTTP and
    SMOLVLM_MCP_TOKEN; a flag wins.

    Example: smolvlm mcp --model embedded

    Example: smolvlm mcp --model 256m --memory-budget 900MB --root ~/Pictures

    Example: smolvlm mcp --http 127.0.0.1:8000 --root ~/Pictures

    Example: smolvlm mcp --print-config claude-desktop --root ~/Pictures
    """
    from .stdio import take_wire

    wire = take_wire()  # before anything is imported that might print
    try:
        from .settings import read_settings, unknown_variables

        given = asdict(flags)
        client: ClientName | None = given.pop("print_config")
        settings = read_settings(**given)
        for name in unknown_variables():
            print(f"note: {name} is not a setting; see --help", file=sys.stderr, flush=True)
        if client is not None:
            from .configuring import print_configuration

            print_configuration(client, settings, wire)
            return
        from .serving import run
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"the MCP server needs the package {error.name}",
            "Run `pip install 'smolvlm-tools[mcp]'`.",
        ) from None
    run(settings, wire)


def main() -> NoReturn:
    """Run the `smolvlm-mcp` command and exit with its code."""
    from smolvlm_tools.cli.process import run_and_exit

    def run() -> int:
        from smolvlm_tools.cli.plugins import app_of
        from smolvlm_tools.cli.run import run

        return run(command=app_of(command, "smolvlm-mcp"), program="smolvlm-mcp")

    run_and_exit(run)

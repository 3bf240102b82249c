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
    precision: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, fp32, bf16, int8, q4, …")
    ] = None
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = (
        None
    )
    memory_budget: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Most memory to use, such as 900MB.")
    ] = None
    calibration: Annotated[
        str | None, typer.Option(metavar="FILE", help="What `smolvlm calibrate` wrote.")
    ] = None
    root: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Folder that images may be read from; may be repeated.  \\[default: the working "
            "directory on stdio, none on HTTP]",
        ),
    ] = None
    allow_urls: Annotated[
        bool | None,
        typer.Option("--allow-urls", help="Fetch images from public http(s) addresses."),
    ] = None
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
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT|:*]", help="Host header that HTTP serves; may be repeated."
        ),
    ] = None
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Origin header that HTTP serves; may be repeated."),
    ] = None
    max_queue: Annotated[
        int | None,
        typer.Option(metavar="N", help="Calls that may wait before 'busy'.  \\[default: 8]"),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Calls that decode together.  \\[default: 8]")
    ] = None
    offline: Annotated[bool | None, typer.Option("--offline", help="Never download.")] = None
    preload: Annotated[
        bool | None,
        typer.Option(
            "--preload", help="Load the model before serving, not at the first call that needs it."
        ),
    ] = None
    access_log: Annotated[
        bool | None,
        typer.Option(
            "--access-log", help="A line of JSON on stderr for each request and each call."
        ),
    ] = None
    max_connections: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="HTTP connections, at most half of `ulimit -n`.  \\[default: 512]"
        ),
    ] = None
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
        from .settings import SETTINGS_BY_FLAG, read_settings, unknown_variables

        given = asdict(flags)
        client: ClientName | None = given.pop("print_config")
        settings = read_settings(
            **{SETTINGS_BY_FLAG.get(flag, flag): value for flag, value in given.items()}
        )
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

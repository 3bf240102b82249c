"""`smolvlm serve`, `smolvlm-serve` and `python -m smolvlm_serve`: flags to settings, then serving.

What serves is imported when serving begins, so that help and usage errors come at once.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, NoReturn

import typer

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
            help="Folder that tools may read images from; may be repeated.  \\[default: none]",
        ),
    ] = None
    allow_urls: Annotated[
        bool | None,
        typer.Option("--allow-urls", help="Fetch images from public http(s) addresses."),
    ] = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT|:*]", help="Host header to serve; may be repeated."),
    ] = None
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
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Requests that decode together.  \\[default: 8]")
    ] = None
    files_bytes: Annotated[
        int | None,
        typer.Option(metavar="N", help="Bytes of sent files to keep.  \\[default: 64000000]"),
    ] = None
    offline: Annotated[bool | None, typer.Option("--offline", help="Never download.")] = None
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

        from .settings import FIELDS_BY_FLAG, ServeSettings, read_settings

        given = asdict(flags)
        settings = read_settings(
            **{FIELDS_BY_FLAG.get(flag, flag): value for flag, value in given.items()}
        )
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

"""`smolvlm mcp`, `smolvlm-mcp` and `python -m smolvlm_mcp`: flags to settings, then serving.

The SDK is imported when serving begins, so that help and usage errors come at once.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from smolvlm_tools.errors import BackendUnavailable, BadOptions, SmolVLMError

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Alias, hub id or folder; 'embedded' ships with the package.  \\[default: 256m]",
    ),
]
Backend = Annotated[str | None, typer.Option(metavar="NAME", help="onnx, openvino, torch or auto.")]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="auto, fp32, bf16, int8, q4, …")
]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")]
MemoryBudget = Annotated[
    str | None, typer.Option(metavar="BYTES", help="Most memory to use, such as 900MB.")
]
Root = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIR",
        help="Folder that images may be read from; may be repeated.  \\[default: the working "
        "directory on stdio, none on HTTP]",
    ),
]
AllowUrls = Annotated[
    bool, typer.Option("--allow-urls", help="Fetch images from public http(s) addresses.")
]
Http = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve streamable HTTP at /mcp instead of stdio."),
]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        help="Bearer token that HTTP clients must send; needed off loopback. Better set as "
        "SMOLVLM_MCP_TOKEN: others on this machine can see flags.",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST[:PORT|:*]", help="Host header that HTTP serves; may be repeated."),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(metavar="URL", help="Origin header that HTTP serves; may be repeated."),
]
MaxQueue = Annotated[
    int | None, typer.Option(metavar="N", help="Calls that may wait before 'busy'.  \\[default: 8]")
]
BatchSize = Annotated[
    int | None, typer.Option(metavar="N", help="Calls that decode together.  \\[default: 8]")
]
Offline = Annotated[bool, typer.Option("--offline", help="Never download.")]


def command(
    model: Model = None,
    backend: Backend = None,
    precision: Precision = None,
    device: Device = None,
    memory_budget: MemoryBudget = None,
    root: Root = None,
    allow_urls: AllowUrls = False,
    http: Http = None,
    token: Token = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    max_queue: MaxQueue = None,
    batch_size: BatchSize = None,
    offline: Offline = False,
) -> None:
    """Serve the vision tools to MCP clients, over stdio or streamable HTTP.

    Each flag has a variable, such as SMOLVLM_MCP_MODEL, SMOLVLM_MCP_ROOTS, SMOLVLM_MCP_HTTP and
    SMOLVLM_MCP_TOKEN; a flag wins.

    Example: smolvlm mcp --model embedded

    Example: smolvlm mcp --model 256m --memory-budget 900MB --root ~/Pictures

    Example: smolvlm mcp --http 127.0.0.1:8000 --root ~/Pictures
    """
    serve(
        model=model,
        backend=backend,
        precision=precision,
        device=device,
        memory_budget=memory_budget,
        roots=root or None,
        allow_urls=allow_urls or None,
        http=http,
        token=token,
        allowed_hosts=allow_host or None,
        allowed_origins=allow_origin or None,
        max_queue=max_queue,
        batch_size=batch_size,
        offline=offline or None,
    )


def serve(**flags: Any) -> None:
    """Serve with these flags and the environment until the client leaves or Ctrl-C.

    Raises:
        BadOptions: see `read_settings`.
        BackendUnavailable: the SDK is not installed.
    """
    from .stdio import take_wire

    wire = take_wire()  # before anything is imported that might print
    try:
        from .settings import read_settings, unknown_variables

        settings = read_settings(**flags)
        for name in unknown_variables():
            print(f"note: {name} is not a setting; see --help", file=sys.stderr, flush=True)
        from .serving import run
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"the MCP server needs the package {error.name}",
            "Run `pip install 'smolvlm-tools[mcp]'`.",
        ) from None
    run(settings, wire)


def main() -> None:
    """Entry point of the `smolvlm-mcp` command; ends the process with its exit code."""
    from smolvlm_tools.cli.console import report
    from smolvlm_tools.cli.process import INTERRUPTED, end, interrupted, watch_interrupts
    from smolvlm_tools.cli.run import exit_code

    watch_interrupts()
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(command)
    code = 0
    try:
        code = app(sys.argv[1:], prog_name="smolvlm-mcp", standalone_mode=False) or 0
    except KeyboardInterrupt:
        interrupted()
    except SmolVLMError as error:
        report(error)
        code = exit_code(error)
    except typer.TyperException as error:
        report(BadOptions(error.format_message(), "Run `smolvlm-mcp --help`."))
        code = error.exit_code
    if code == INTERRUPTED:
        interrupted()
    end(code)

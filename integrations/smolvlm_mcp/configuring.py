"""The block that has an MCP client start this installation's server, from any folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from smolvlm_tools import find_name
from smolvlm_tools.errors import BackendUnavailable, BadOptions

from .clients import CLIENTS, ClientName
from .serving import check_model, roots
from .settings import HTTP_ONLY, Settings
from .stdio import Wire


def print_configuration(client: ClientName, settings: Settings, wire: Wire) -> None:
    """Print the block of a client on stdout, and on stderr where it goes.

    Raises:
        BadOptions, BackendUnavailable: see `configuration`.
    """
    block = configuration(client, settings)
    print(json.dumps(block, indent=2), file=wire.outgoing, flush=True)
    print(f"note: for {CLIENTS[client].file}", file=sys.stderr, flush=True)


def configuration(client: ClientName, settings: Settings) -> dict[str, Any]:
    """The block that has a client start this installation's server with these settings.

    It holds no secrets: a token is for HTTP, and the key of a remote server is no setting.

    Raises:
        BadOptions: the settings are for HTTP, name no folder, or would be refused by the server.
        BackendUnavailable: the server's script is not installed.
    """
    if settings.http is not None:
        raise BadOptions(
            f"--print-config is for clients that start the server, but {settings.http} is served",
            "Leave out --http and SMOLVLM_MCP_HTTP; docs/mcp.md has the blocks for HTTP.",
        )
    form = CLIENTS[client]
    server = {"command": _script(), "args": list(_arguments(settings)), **form.more}
    return {form.key: {"smolvlm": server}}


def _script() -> str:
    """Path of the script that pip installed with this package."""
    try:
        files = distribution("smolvlm-tools").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name in ("smolvlm-mcp", "smolvlm-mcp.exe"):
            return os.path.abspath(file.locate())
    raise BackendUnavailable(
        "the command smolvlm-mcp is not installed", "Run `pip install '.[mcp]'` in the clone."
    )


def _arguments(settings: Settings) -> Iterator[str]:
    """The flags for all settings that are not as they are by default."""
    for name, value in _settings(settings).items():
        if value == Settings.model_fields[name].default:
            continue
        for each in value if isinstance(value, tuple) else (value,):
            yield settings.flag(name)
            if each is not True:
                yield str(each)


def _settings(settings: Settings) -> dict[str, Any]:
    """Those of stdio; relative paths would mean other files where the client starts the server."""
    folders, server = roots(settings), check_model(settings)
    if not folders:
        raise BadOptions("no folder is named that images may be read from", "Add --root DIR.")
    found = {name: value for name, value in settings if name not in HTTP_ONLY}
    found |= {"roots": folders, "base_url": server}
    if server is None and find_name(settings.model) is None:
        found["model"] = os.path.abspath(settings.model)
    if settings.calibration is not None:
        found["calibration"] = os.path.abspath(settings.calibration)
    return found

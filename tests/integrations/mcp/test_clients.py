"""`smolvlm mcp --print-config`: what it prints starts the server, and stands in docs/mcp.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from smolvlm_mcp.clients import CLIENTS, ClientName

from smolvlm_tools.tools import TOOLS
from tests.support.document_blocks import blocks
from tests.support.mcp_servers import PATIENCE, environment
from tests.support.paths import ROOT, SHAPES
from tests.support.processes import run

PAGE = (ROOT / "docs" / "mcp.md").read_text()
FORMS = {
    "claude-desktop": ("mcpServers", {"command", "args"}),
    "claude-code": ("mcpServers", {"command", "args"}),
    "cursor": ("mcpServers", {"command", "args"}),
    "vscode": ("servers", {"type", "command", "args"}),
    "zed": ("context_servers", {"command", "args", "env"}),
}
"""The forms that the pages linked in docs/mcp.md document."""


def printed(*flags: object, cwd: Path = ROOT, **more: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `smolvlm mcp --print-config`."""
    done = subprocess.run(
        [sys.executable, "-m", "smolvlm_tools", "mcp", "--print-config", *map(str, flags)],
        env=environment(**more),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def server_of(*flags: object, **more: Any) -> dict[str, Any]:
    code, out, err = printed(*flags, **more)
    assert code == 0, err
    (named,) = json.loads(out).values()
    return named["smolvlm"]


@pytest.mark.parametrize("client", FORMS)
def test_a_client_that_does_as_it_is_told_has_the_tools_and_the_folder(client: str, tmp_path: Path):
    (tmp_path / "shapes.png").write_bytes(SHAPES.read_bytes())
    code, out, err = printed(client, "--root", tmp_path, "--model", "embedded")
    assert code == 0 and err == f"note: for {CLIENTS[client].file}\n"
    block = json.loads(out)
    key, fields = FORMS[client]
    assert block.keys() == {key} and block[key].keys() == {"smolvlm"}
    server = block[key]["smolvlm"]
    assert server.keys() == fields and server.get("type", "stdio") == "stdio"
    parameters = StdioServerParameters(
        command=server["command"],
        args=server["args"],
        env=environment(**server.get("env", {})),
        cwd="/",  # where Claude Desktop starts servers
    )

    async def talk() -> tuple[set[str], Any]:
        with anyio.fail_after(PATIENCE):
            async with Client(parameters) as session:
                named = {tool.name for tool in (await session.list_tools()).tools}
                return named, await session.call_tool("load_image", {"image": "shapes.png"})

    named, loaded = anyio.run(talk)
    assert named == {*TOOLS} and loaded.structured_content["width"] == 320


@pytest.mark.parametrize("client", FORMS)
def test_the_page_shows_what_is_printed(client: str, tmp_path: Path):
    _, out, _ = printed(client, "--root", tmp_path)
    (named,) = json.loads(out).values()
    shown = out.replace(json.dumps(str(tmp_path)), '"/home/me/Pictures"').replace(
        json.dumps(named["smolvlm"]["command"]),
        '"/home/me/smolvlm-tools/.venv/bin/smolvlm-mcp"',
    )
    assert shown in blocks("docs/mcp.md", "json")


def test_the_page_names_every_client_its_file_and_where_it_is_documented():
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \| \[.+?\]\(https://\S+\) \|$", PAGE, re.MULTILINE)
    assert {name: file.replace("`", "") for name, file in rows} == {
        name: client.file for name, client in CLIENTS.items()
    }
    assert [*CLIENTS] == [*get_args(ClientName)] == [*FORMS]
    _, help_text, _ = run("mcp", "--help", env=environment())
    assert all(name in help_text for name in CLIENTS)


def test_other_options_and_variables_are_printed_with_whole_paths(tmp_path: Path):
    (tmp_path / "model").symlink_to(ROOT / "smolvlm_tools" / "embedded")
    (tmp_path / "photos").mkdir()
    flags = ["zed", "--model", "model", "--allow-urls", "--root", "photos", "--root", "model"]
    server = server_of(*flags, cwd=tmp_path, SMOLVLM_MCP_PRECISION="int8", SMOLVLM_MCP_TOKEN="x")
    pairs = [("--model", "model"), ("--root", "photos"), ("--root", "model")]
    expected = [part for flag, name in pairs for part in (flag, str(tmp_path / name))]
    assert sorted(server["args"]) == sorted([*expected, "--precision", "int8", "--allow-urls"])
    assert server_of("cursor", cwd=tmp_path)["args"] == ["--root", str(tmp_path)]


@pytest.mark.parametrize(
    ("flags", "code", "reason"),
    [
        (("emacs",), 2, "'emacs' is not one of 'claude-desktop', 'claude-code', 'cursor'"),
        (("zed", "--root", "nowhere"), 2, "nowhere' is not a folder. Name one that is."),
        (("zed", "--http", "127.0.0.1:0"), 2, "127.0.0.1:0 is served. Leave out --http"),
        (("zed", "--model", "257m"), 4, "there is no model '257m'. Did you mean '256m'?"),
        (("zed", "--memory-budget", "lots"), 2, "'lots' is not an amount of memory"),
    ],
)
def test_what_the_server_would_refuse_is_refused_now(flags: Any, code: int, reason: str):
    found, out, err = printed(*flags)
    assert (found, out) == (code, "") and reason in err and err.count("\n") == 1


def test_without_a_folder_none_is_made_up():
    code, out, err = printed("claude-desktop", cwd=Path("/"))
    assert (code, out) == (2, "") and "Add --root DIR." in err

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from smolvlm_mcp.bodies import PACE_SECONDS
from smolvlm_mcp.command import command
from smolvlm_mcp.guard import Limits
from smolvlm_mcp.http import MAX_BODY, PATH
from smolvlm_mcp.parsing import MAX_DEPTH, MAX_VALUES
from smolvlm_mcp.prompts import PROMPTS
from smolvlm_mcp.settings import PREFIX, Settings, read_settings

from smolvlm_tools import errors
from tests.support.mcp_servers import PATIENCE, environment
from tests.support.paths import ROOT, SHAPES

PAGE = (ROOT / "docs" / "mcp.md").read_text()
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
CONFIGS = [block for block in BLOCKS if "error" not in block]
(ERROR,) = [block["error"] for block in BLOCKS if "error" in block]
FIELDS = Settings.model_fields
ROWS = re.findall(r"^\| `(--[\w-]+)`(.*?) \| `(\w+)`(.*?) \| (.+?) \| (.*) \|$", PAGE, re.MULTILINE)
LIMITS = {
    "connections": "max_connections",
    "sessions": "max_sessions",
    **{f"{name}_seconds": f"{name}_timeout" for name in ("head", "body", "idle", "session")},
}


def servers(block: dict[str, Any]) -> dict[str, Any]:
    (named,) = block.values()
    assert set(named) == {"smolvlm"}
    return named["smolvlm"]


STDIO = [servers(block) for block in CONFIGS if "command" in servers(block)]


def flags_of(config: dict[str, Any]) -> list[str]:
    """What the server itself is given."""
    script = config["command"].removeprefix("/home/me/smolvlm-tools/.venv/bin/")
    assert f"\n{script} = " in (ROOT / "pyproject.toml").read_text()
    return config["args"]


def test_every_stdio_configuration_gives_the_server_a_folder_and_settings_it_knows():
    assert len(STDIO) == 3
    for config in STDIO:
        flag, folder = flags_of(config)
        assert (flag, folder) == ("--root", "/home/me/Pictures")
        assert {name.removeprefix(PREFIX).lower() for name in config.get("env", {})} <= {*FIELDS}


def test_the_first_configuration_starts_a_server_that_reads_from_its_folder(tmp_path: Path):
    (tmp_path / "shapes.png").write_bytes(SHAPES.read_bytes())
    flag, _ = flags_of(STDIO[0])
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "smolvlm_mcp", flag, str(tmp_path)],
        env=environment(**{**STDIO[0].get("env", {}), "SMOLVLM_MCP_MODEL": "embedded"}),
        cwd="/",  # where Claude Desktop starts servers
    )

    async def run() -> list[Any]:
        with anyio.fail_after(PATIENCE):
            async with Client(parameters) as client:
                calls = {"load_image": tmp_path / "shapes.png", "describe_image": SHAPES}
                return [await client.call_tool(n, {"image": str(i)}) for n, i in calls.items()]

    inside, outside = anyio.run(run)
    assert inside.structured_content["handle"] == "img:504b68a3cfeaaeb7"  # as on the page
    assert "img:504b68a3cfeaaeb7" in PAGE
    assert json.loads(outside.content[1].text)["error"].keys() == ERROR.keys()


def test_what_needs_a_release_says_so():
    assert "uvx" in PAGE
    for paragraph in PAGE.split("\n\n"):
        if re.search(r"\buvx\b|mcpb pack", paragraph) and not paragraph.startswith("|"):
            assert re.search(r"[Oo]nce\s+released", paragraph), paragraph


def test_the_http_configuration_leads_to_the_server_of_the_command_before_it():
    (config,) = [servers(block) for block in CONFIGS if "url" in servers(block)]
    (address,) = re.findall(r"^smolvlm mcp --http (\S+)", PAGE, re.MULTILINE)
    assert config["url"] == f"http://{address}{PATH}"
    assert read_settings(http=address).address == ("127.0.0.1", 8000)
    assert config["headers"] == {"Authorization": "Bearer ${SMOLVLM_MCP_TOKEN}"}


def test_the_table_has_every_setting_with_its_flag_and_default():
    assert {variable.removeprefix(PREFIX).lower() for _, _, variable, *_ in ROWS} == {*FIELDS}
    for _, _, variable, _, shown, _ in ROWS:
        default = FIELDS[variable.removeprefix(PREFIX).lower()].default
        if default not in (None, ()):  # those are told in words
            assert shown == f"`{str(default).lower()}`", variable


def test_the_table_names_the_flags_of_the_command():
    parameters = {*inspect.signature(command).parameters} - {"print_config"}  # no setting
    assert sorted(flag for flag, *_ in ROWS) == sorted(
        f"--{name.replace('_', '-')}" for name in parameters
    )


def test_numbers_names_and_codes_on_the_page_are_those_of_the_code():
    assert f"more than {MAX_BODY // 10**6} MB is refused with 413" in PAGE
    assert f"more than {MAX_DEPTH} levels or {MAX_VALUES:,} values are refused" in PAGE
    limits = Limits()
    said = "A head has {0.head_seconds:g} seconds, a body {0.body_seconds:g} and {1:g} for every"
    assert said.format(limits, PACE_SECONDS) in PAGE
    assert {field: getattr(limits, name) for name, field in LIMITS.items()} == {
        field: FIELDS[field].default for field in LIMITS.values()
    }
    named = re.search(r"the prompts are (.*?)\.", PAGE, re.DOTALL)
    assert named and set(re.findall(r"`(\w+)`", named[1])) == set(PROMPTS)
    codes = {
        value.code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.SmolVLMError)
    }
    mentioned = {
        "path_not_allowed",
        "busy",
        "bad_arguments",
        "model_not_found",
        "out_of_memory_budget",
    }
    assert mentioned <= codes and all(f"`{code}`" in PAGE for code in mentioned)
    assert ERROR["code"] in codes

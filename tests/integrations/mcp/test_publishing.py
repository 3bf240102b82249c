"""server.json and the desktop bundle say what is so.

The schema that server.json names is in no package of a registry, so `SERVER_SCHEMA` repeats its
rules for the parts used here, and allows no others; it was read on 2026-11-23. The bundle's
manifest is validated by mcpb itself: see tests/conformance.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import jsonschema
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from smolvlm_mcp.settings import PREFIX, Settings

from tests.support.mcp_servers import PATIENCE, environment
from tests.support.paths import ROOT, SHAPES

BUNDLE = ROOT / "integrations" / "mcpb"
PYPROJECT = (ROOT / "pyproject.toml").read_text()
VERSION = re.findall(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)[0]


def an_object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


TEXT = {"type": "string", "minLength": 1}
URL = {"type": "string", "pattern": "^https://"}
EXACT = {"type": "string", "pattern": r"^\d+\.\d+\.\d+([-.a-z]+\d+)?$"}  # ranges are refused
FORMAT = {"enum": ["string", "number", "boolean", "filepath"]}
INPUT = {"description": TEXT, "default": TEXT, "placeholder": TEXT, "value": TEXT, "format": FORMAT}
SERVER_SCHEMA = an_object(
    "$schema name description version packages",
    **{
        "$schema": {
            "const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
        },
        "name": {"type": "string", "pattern": r"^io\.github\.[a-zA-Z0-9-]+/[a-zA-Z0-9._-]+$"},
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": EXACT,
        "repository": an_object("url source", url=URL, source={"const": "github"}),
        "websiteUrl": URL,
        "packages": {
            "type": "array",
            "items": an_object(
                "registryType identifier version transport",
                registryType={"const": "pypi"},
                identifier=TEXT,
                version=EXACT,
                transport=an_object("type", type={"const": "stdio"}),
                runtimeHint={"const": "uvx"},
                runtimeArguments={
                    "type": "array",
                    "items": an_object("type name", type={"const": "named"}, name=TEXT, **INPUT),
                },
                packageArguments={
                    "type": "array",
                    "items": an_object("type value", type={"const": "positional"}, **INPUT),
                },
                environmentVariables={
                    "type": "array",
                    "items": an_object("name description", name=TEXT, **INPUT),
                },
            ),
        },
    },
)


def server() -> dict[str, Any]:
    return json.loads((ROOT / "server.json").read_text())


def manifest() -> dict[str, Any]:
    return json.loads((BUNDLE / "manifest.json").read_text())


def test_server_json_keeps_the_rules_of_its_schema():
    jsonschema.validate(server(), SERVER_SCHEMA)


def test_the_registry_finds_its_name_in_the_readme_of_the_package():
    assert f"mcp-name: {server()['name']}" in (ROOT / "README.md").read_text()


def test_what_is_published_has_the_version_of_the_package():
    package = server()["packages"][0]
    pinned = f"smolvlm-tools[mcp]=={VERSION}"
    assert server()["version"] == package["version"] == manifest()["version"] == VERSION
    assert package["runtimeArguments"][0]["value"] == pinned
    bundled = (BUNDLE / "pyproject.toml").read_text()
    assert f'dependencies = ["{pinned}"]' in bundled and f'version = "{VERSION}"' in bundled


def test_uvx_finds_a_script_of_the_name_it_is_given():
    package = server()["packages"][0]  # uvx --with … smolvlm-tools==VERSION mcp
    assert f'\n{package["identifier"]} = "smolvlm_tools.cli:main"' in PYPROJECT
    assert [argument["value"] for argument in package["packageArguments"]] == ["mcp"]
    assert "\nmcp = " in PYPROJECT.split('[project.entry-points."smolvlm.commands"]')[1]


def field_of(variable: str) -> Any:
    return Settings.model_fields[variable.removeprefix(PREFIX).lower()]


def test_declared_variables_are_read_and_have_the_default_they_name():
    for variable in server()["packages"][0]["environmentVariables"]:
        default = field_of(variable["name"]).default
        shown = {None: None, False: "false"}.get(default, default)
        assert variable.get("default") == shown, variable["name"]


def test_every_choice_in_the_bundle_is_used_and_has_a_value_before_the_user_chooses():
    told = manifest()
    config = told["server"]["mcp_config"]
    used = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(config)))
    assert used == told["user_config"].keys()
    assert all(choice["default"] for choice in told["user_config"].values())
    assert all(field_of(variable) for variable in config["env"])


def test_the_bundle_reads_the_chosen_folders_and_no_other(tmp_path: Path):
    chosen = [tmp_path / "My photos, 2026", tmp_path / "scans"]
    for folder in chosen:
        folder.mkdir()
        (folder / "shapes.png").write_bytes(SHAPES.read_bytes())
    config = manifest()["server"]["mcp_config"]
    values = {"user_config.model": "embedded", "user_config.memory_mb": "2000"}
    env = {key: filled(text, values) for key, text in config["env"].items()}
    entry = config["args"][config["args"].index("server.py") + 1 :]
    assert entry == ["${user_config.folders}"]  # the host puts one argument for each folder
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[str(BUNDLE / "server.py"), *map(str, chosen)],
        env=environment(**env),
        cwd=BUNDLE,
    )

    async def run() -> list[bool]:
        with anyio.fail_after(PATIENCE):
            async with Client(parameters) as client:
                images = [*(str(folder / "shapes.png") for folder in chosen), str(SHAPES)]
                calls = [await client.call_tool("load_image", {"image": image}) for image in images]
                return [bool(call.is_error) for call in calls]

    assert anyio.run(run) == [False, False, True]


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text

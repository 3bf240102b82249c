"""The tools' schemas in the form of each protocol.

    mcp          Tool objects of `tools/list` (Model Context Protocol, 2025-11-25)
    openai       `tools` of OpenAI's chat completions API, which most local servers speak too
    anthropic    `tools` of Anthropic's messages API
    json-schema  input and output schema of every tool (JSON Schema, draft 2020-12)

OpenAI's `strict` is not set: it wants every argument required, and no free-form object such as the
`schema` of extract_fields. `Toolbox.call` checks the arguments in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadOptions
from .registry import TOOLS
from .tool import Tool

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def tool_schemas(format: str = "mcp") -> list[dict[str, Any]] | dict[str, Any]:
    """Every tool in a protocol's form, as JSON data.

    Args:
        format: "mcp", "openai", "anthropic" (lists) or "json-schema" (an object by tool name).

    Raises:
        BadOptions: another format.
    """
    if format not in FORMATS:
        raise BadOptions(f"unknown format {format!r}", f"Use one of {', '.join(FORMATS)}.")
    schemas = {name: FORMATS[format](tool) for name, tool in TOOLS.items()}
    return schemas if format == "json-schema" else list(schemas.values())


def _mcp(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema(),
        "outputSchema": tool.output_schema(),
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.read_only,
            "destructiveHint": False,
            "idempotentHint": tool.idempotent,
            "openWorldHint": False,
        },
    }


def _openai(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema(),
    }
    return {"type": "function", "function": function}


def _anthropic(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema(),
    }


def _json_schema(tool: Tool) -> dict[str, Any]:
    return {
        "input": {"$schema": DRAFT, **tool.input_schema()},
        "output": {"$schema": DRAFT, **tool.output_schema()},
    }


FORMATS: Mapping[str, Callable[[Tool], dict[str, Any]]] = {
    "mcp": _mcp,
    "openai": _openai,
    "anthropic": _anthropic,
    "json-schema": _json_schema,
}

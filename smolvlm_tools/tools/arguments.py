"""Check what a caller sent against a tool's input model, and say what does not fit.

Errors name the field, the kind of value that came and what is allowed; never the value itself,
which may be a megabyte of base64.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import BadArguments
from ..images.encodings import abbreviate
from .schema import ToolInput
from .tool import Tool

_SHOWN = 3


def check_arguments(tool: Tool, arguments: object) -> ToolInput:
    """Read arguments, which OpenAI's API sends as JSON text, into the tool's input model.

    Raises:
        BadArguments: they do not fit the tool's schema.
    """
    try:
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        raise _refusal(tool, "the arguments are text that is not JSON") from None
    if not isinstance(given, Mapping):
        raise _refusal(tool, f"the arguments are {_kind(given)}, not an object")
    try:
        return tool.input.model_validate(dict(cast("Mapping[str, Any]", given)))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
    except RecursionError:
        raise _refusal(tool, "the arguments are nested too deeply") from None
    said = [_explain(fault) for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        said.append(f"and {len(faults) - _SHOWN} more faults")
    raise _refusal(tool, "; ".join(said))


def _refusal(tool: Tool, reason: str) -> BadArguments:
    return BadArguments(f"{tool.name}: {reason}", f"{tool.name} takes {_fields(tool)}.")


@cache
def _fields(tool: Tool) -> str:
    """What a tool takes on one line: "question: string (required), …"."""
    schema = tool.input_schema()
    required = schema.get("required", ())
    return ", ".join(
        f"{name}: {field.get('type', 'any')}" + (" (required)" if name in required else "")
        for name, field in schema["properties"].items()
    )


def _explain(fault: ErrorDetails) -> str:
    place = ".".join(abbreviate(str(step), 40) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown argument {place!r}"
    if fault["type"] == "missing":
        return f"{place!r} is missing"
    said = fault["msg"][:1].lower() + fault["msg"][1:]
    if not place:
        return said
    return f"{place!r}: {said}, and is {_kind(fault['input'])}"


def _kind(value: object) -> str:
    """Describe a value without showing it: "a text of 12 characters"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if isinstance(value, (list, tuple)):
        return f"an array of {len(cast('list[Any]', value))}"
    if isinstance(value, Mapping):
        return f"an object of {len(cast('Mapping[Any, Any]', value))}"
    return type(value).__name__

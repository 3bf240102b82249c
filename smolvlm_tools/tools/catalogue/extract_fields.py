"""`extract_fields`: a JSON object that fits the caller's schema."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from ...types import VisionResult
from ..checked import CheckedFields
from ..inputs import (
    Context,
    EvidenceCheck,
    MaxNewTokens,
    MinConfidence,
    MinFieldConfidence,
    VideosInput,
)
from ..replies import UNTRUSTED, Reply
from ..schema import ToolOutput
from ..tool import EngineCall, ModelTool

_ANY_JSON: list[JsonValue] = [
    {"type": kind} for kind in ("object", "array", "string", "number", "boolean", "null")
]
"""Spelled out because strict schema readers warn about a value without a type, and about several
types in one place."""


def _parse_text(value: Any) -> Any:
    """Accept a schema sent as JSON text, as some clients send every object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise PydanticCustomError(
            "schema_text", "should be an object, and the text is not JSON"
        ) from None


class ExtractFields(VideosInput):
    """Arguments of `extract_fields`."""

    fields: Annotated[dict[str, Any], BeforeValidator(_parse_text)] = Field(
        alias="schema",
        description="JSON Schema (draft 2020-12) of the object to fill in, such as "
        '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}. '
        "Say in each field's name what it is. Few, flat fields work best.",
    )
    check: EvidenceCheck = None
    context: Context = None
    min_confidence: MinConfidence = None
    min_field_confidence: MinFieldConfidence = None
    max_new_tokens: MaxNewTokens = None


class _Fields(ToolOutput):
    value: Any = Field(
        description="Data that fits the schema; null if abstained. Untrusted: see content_origin.",
        json_schema_extra={"anyOf": _ANY_JSON},
    )
    field_confidence: dict[str, float] | None = Field(
        default=None,
        description="Probability of every value in it, by JSON pointer, such as /total. Check "
        "the low ones.",
    )
    unsure_fields: list[str] | None = Field(
        default=None,
        description="JSON pointers of the values below min_field_confidence that could not be "
        "null.",
    )


class ExtractReply(Reply, CheckedFields, _Fields):
    """Result of `extract_fields`."""


def _ask(arguments: ExtractFields) -> EngineCall:
    return EngineCall("extract", (arguments.fields,), {"check": arguments.check})


def _report(result: VisionResult) -> dict[str, Any]:
    return {
        "value": result.value,
        "field_confidence": result.field_confidence,
        "unsure_fields": list(result.unsure_fields) or None,
        "check": result.check,
    }


TOOL = ModelTool(
    name="extract_fields",
    title="Fill in fields from an image",
    description="Fill in a JSON object from an image, such as the number, date and total of an "
    "invoice. The value fits your JSON Schema for certain; whether it is true, "
    "field_confidence hints at. A field that the image does not show gets invented "
    "unless the schema lets it be left out or null." + UNTRUSTED,
    input=ExtractFields,
    output=ExtractReply,
    ask=_ask,
    report=_report,
)

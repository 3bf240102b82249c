"""Bodies of requests: JSON, checked, with unknown parameters refused by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from .faults import Fault

HARMLESS = frozenset(
    {
        *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"),
        *("prompt_cache_retention", "parallel_tool_calls", "prediction", "verbosity"),
        *("reasoning", "reasoning_effort", "keep_alive"),
    }
)
"""Parameters of other servers that change no answer here; they are taken and not looked at."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Body(BaseModel):
    """What a client sends; unknown names are kept, to be refused by name."""

    model_config = ConfigDict(extra="allow", frozen=True)


Model = TypeVar("Model", bound=Body)


async def read_json(request: Request) -> Any:
    """The body as JSON.

    Raises:
        Fault: 400, it is none.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        # What stands in a form is not counted at the door, so it is not read as JSON either.
        raise Fault(415, "send JSON (application/json), no form", "invalid_form")
    try:
        text = (await request.body()).decode()
        found = json.loads(text, parse_constant=_refuse)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()  # half a character has no UTF-8
    except (ValueError, RecursionError):
        raise Fault(400, "the body is not JSON in UTF-8", "invalid_json") from None
    return found


def _refuse(constant: str) -> NoReturn:
    """NaN and the infinities, which Python reads though they are no JSON."""
    raise ValueError(constant)


async def read_body(request: Request, model: type[Model]) -> Model:
    """The body as a model.

    Raises:
        Fault: 400, it is no JSON, or does not fit; names the parameter.
    """
    given = await read_json(request)
    if not isinstance(given, Mapping):
        raise Fault(400, "the body is not a JSON object", "invalid_json")
    return parse(model, given)


def parse(model: type[Model], given: Mapping[str, Any]) -> Model:
    """The same for what has been read already."""
    try:
        body = model.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        param = ".".join(str(step) for step in problem["loc"]) or None
        raise Fault(400, f"{param}: {problem['msg']}", "invalid_value", param) from None
    unknown = sorted(name for name in body.model_extra or () if name not in HARMLESS)
    if unknown:
        raise Fault(400, f"unknown parameter {unknown[0][:100]!r}", "unknown_parameter", unknown[0])
    return body

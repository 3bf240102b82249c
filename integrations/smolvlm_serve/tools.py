"""The typed tools by name, and many typed questions about one image."""

from __future__ import annotations

from functools import partial
from typing import Any

from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools.tools import tool_schemas

from .faults import Fault
from .house import House
from .models import ServedModel
from .requests import read_json
from .talking import unless_gone

DECIDES = "answer_questions"
"""The tool behind /v1/decide."""


async def list_tools(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/tools`: names, descriptions and schemas, as OpenAI's function tools."""
    return JSONResponse({"object": "list", "data": tool_schemas("openai")})


async def call_tool(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/tools/NAME`: the body is the tool's arguments; `?model=` chooses among several."""
    served = house.models.find(request.query_params.get("model"))
    arguments = await _arguments(request)
    arguments = house.images.named_files(arguments)
    output = await _run(served, request.path_params["name"], arguments, request, call)
    return JSONResponse(output)


async def decide(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/decide`: the arguments of `answer_questions`, and which model."""
    arguments = await _arguments(request)
    served = house.models.find(arguments.pop("model", None))
    arguments = house.images.named_files(arguments)
    output = await _run(served, DECIDES, arguments, request, call)
    return JSONResponse({**output, "object": "decision", "model": served.name})


async def _run(
    served: ServedModel, name: str, arguments: dict[str, Any], request: Request, call: Call
) -> dict[str, Any]:
    run = partial(served.toolbox.acall, name, arguments, on_progress=call.on_progress)
    output = await unless_gone(request, run)
    call.succeeded(output)
    return output.model_dump(mode="json", by_alias=True)


async def _arguments(request: Request) -> dict[str, Any]:
    given = await read_json(request)
    if not isinstance(given, dict):
        raise Fault(400, "the body is not a JSON object of arguments", "invalid_json")
    return given

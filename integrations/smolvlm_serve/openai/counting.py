"""Tokens of a prompt, those of its images included, before anything runs."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..house import House
from ..requests import read_body
from .options import Chat
from .parts import conversation


async def count_chat(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/chat/completions/input_tokens`: of the body of a chat completion."""
    body = await read_body(request, Chat)
    options = body.options(house.policy)
    messages = conversation(body.messages, house.images)
    engine = await house.models.find(body.model).engine()
    tokens = await anyio.to_thread.run_sync(partial(engine.count_tokens, messages, **options))
    return JSONResponse({"object": "chat.completion.input_tokens", "input_tokens": tokens})

"""`/v1/responses`: a reply that is whole, streamed or made in the background, and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import anyio.to_thread
from smolvlm_mcp.observing import CANCELLED, OK, Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import AsyncReplyStream, Message, RequestOptions, SmolVLM, TextPart, VisionResult
from smolvlm_tools.errors import SmolVLMError

from ..faults import OURS, Fault, fault_of, unsupported
from ..held_responses import HeldResponse
from ..house import House
from ..requests import read_body
from ..talking import begun, event_stream, unless_gone
from .response_body import Asked
from .response_writing import Writing

_LOG = logging.getLogger(__name__)
BACKGROUND = "background_response"
"""What the work for a response that nobody waits for is called in metrics."""


async def create(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/responses`."""
    body = await read_body(request, Asked)
    served = house.models.find(body.model)
    options, messages = body.options(house.policy), _conversation(house, body)
    engine = await served.engine()
    writing = Writing(served, body)
    if body.background:
        call.outcome = OK
        return JSONResponse(await _in_background(house, engine, writing, body, messages, options))
    keep = partial(_keep, house, body, writing, messages)
    asked = body.instructed(messages)
    options["on_progress"] = call.on_progress
    if body.stream:
        chunks = await begun(request, await engine.abegin(asked, **options))
        return event_stream(writing.events(chunks, call, keep))
    result = await unless_gone(request, partial(engine.agenerate, asked, **options))
    served.note(call, result)
    writing.finish(result)
    keep(result)
    return JSONResponse(writing.card)


async def show(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/responses/ID`."""
    if request.query_params.get("stream", "false") != "false":
        raise unsupported("stream", "ask again for the response as it is by then")
    return JSONResponse(house.responses.find(request.path_params["name"]).card)


async def remove(house: House, request: Request, call: Call) -> Response:
    """`DELETE /v1/responses/ID`; stops it first."""
    name = request.path_params["name"]
    house.responses.remove(name)
    return JSONResponse({"id": name, "object": "response", "deleted": True})


async def cancel(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/responses/ID/cancel`, of one in the background; one that has ended stays so."""
    held = house.responses.find(request.path_params["name"])
    if held.task is None:
        text = "only a response in the background can be cancelled; close the connection of others"
        raise Fault(400, text, "not_in_background")
    held.stop()
    return JSONResponse(held.card)


async def count(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/responses/input_tokens`: tokens of the body of a response."""
    body = await read_body(request, Asked)
    options = body.options(house.policy)
    messages = body.instructed(_conversation(house, body))
    engine = await house.models.find(body.model).engine()
    tokens = await anyio.to_thread.run_sync(partial(engine.count_tokens, messages, **options))
    return JSONResponse({"object": "response.input_tokens", "input_tokens": tokens})


def _conversation(house: House, body: Asked) -> list[Message]:
    """What has been said, without instructions."""
    before: Sequence[Message] = ()
    if body.previous_response_id is not None:
        held = house.responses.find(body.previous_response_id)
        if held.card["status"] not in ("completed", "incomplete"):
            text = f"previous_response_id: that response is {held.card['status']}"
            raise Fault(400, text, "invalid_value", "previous_response_id")
        before = held.messages
    return [*before, *body.said(house.images)]


async def _in_background(
    house: House,
    engine: SmolVLM,
    writing: Writing,
    body: Asked,
    messages: Sequence[Message],
    options: RequestOptions,
) -> dict[str, Any]:
    with ExitStack() as watch:
        call = watch.enter_context(house.activity.watch(BACKGROUND))
        options["on_progress"] = call.on_progress
        try:
            reply = await engine.abegin(body.instructed(messages), **options)
        except SmolVLMError as error:
            call.outcome = error.code
            raise
        watch = watch.pop_all()
    writing.card["status"] = "queued"
    held = HeldResponse(writing.card, messages)
    held.task = asyncio.create_task(_finish(watch, call, reply, writing, held))
    house.responses.add(held)
    return {**writing.card}


async def _finish(
    watch: ExitStack, call: Call, reply: AsyncReplyStream, writing: Writing, held: HeldResponse
) -> None:
    with watch:
        try:
            writing.card["status"] = "in_progress"
            result = await reply.result()
        except asyncio.CancelledError:
            call.outcome = CANCELLED
            raise
        except SmolVLMError as error:
            call.outcome = error.code
            writing.fail(fault_of(error))
        except Exception:  # a fault of ours, as in `Endpoint`
            _LOG.exception("a response in the background failed")
            writing.fail(OURS)
        else:
            writing.served.note(call, result)
            writing.finish(result)
            held.messages = _with_reply(held.messages, result)


def _keep(
    house: House, body: Asked, writing: Writing, messages: Sequence[Message], result: VisionResult
) -> None:
    if body.keeps:
        house.responses.add(HeldResponse(writing.card, _with_reply(messages, result)))


def _with_reply(messages: Sequence[Message], result: VisionResult) -> list[Message]:
    return [*messages, Message(role="assistant", content=(TextPart(text=result.text),))]

"""Waiting for an engine on behalf of a client, who may leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse

from smolvlm_tools import AsyncReplyStream, StreamChunk
from smolvlm_tools.errors import Cancelled

Value = TypeVar("Value")


async def unless_gone(request: Request, work: Callable[[], Awaitable[Value]]) -> Value:
    """What `work` returns; it is cancelled when the client leaves.

    Raises:
        Cancelled: the client has left.
    """
    found: list[Value] = []
    failed: list[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def listen() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(listen)
        try:
            found.append(await work())
        except Exception as error:  # raised again below: a task group would wrap it in a group
            failed.append(error)
        tasks.cancel_scope.cancel()
    if failed:
        raise failed[0]
    if not found:
        raise Cancelled("the client has left", "Ask again.")
    return found[0]


async def begun(request: Request, reply: AsyncReplyStream) -> AsyncIterator[StreamChunk]:
    """The chunks of a reply, whose first is there already.

    So what goes wrong before it (a bad image, a full queue) gets a status of its own.
    """
    try:
        first = await unless_gone(request, reply.__anext__)
    except BaseException:  # whatever it is, the engine's place is given back
        reply.close()
        raise
    return _all(first, reply)


async def _all(first: StreamChunk, reply: AsyncReplyStream) -> AsyncIterator[StreamChunk]:
    async with reply:
        yield first
        async for chunk in reply:
            yield chunk


def event_stream(
    lines: AsyncIterator[str], media_type: str = "text/event-stream"
) -> StreamingResponse:
    """An answer that comes piece by piece; it stops when its client leaves."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, media_type=media_type, headers=headers)

"""Waiting for an engine on behalf of a client, who may leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from smolvlm_mcp.leaving import Leaving
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
    with Leaving.of(request.scope).cancels():
        return await work()
    raise Cancelled("the client has left", "Ask again.")


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

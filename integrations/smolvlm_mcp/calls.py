"""One tools/call: run it in the toolbox, send its progress, end it when its client has left.

Two signs say that a client has left: the SDK cancels the handler (`notifications/cancelled`, the
end of stdin, a closed response stream of the 2026 era, a deleted session), and `Leaving` cancels
when the connection of a 2025-era call breaks. The 2025 protocol lets a client come back for its
answer, but only if the server stores answers, which this one does not.
"""

from __future__ import annotations

import threading
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext

from smolvlm_tools.errors import Cancelled, SmolVLMError
from smolvlm_tools.tools import Toolbox, ToolProgress

from .leaving import Leaving
from .observing import CANCELLED, Activity, Call
from .progress import reporting
from .results import failure, success


async def run_call(
    toolbox: Toolbox,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
    activity: Activity,
) -> types.CallToolResult:
    """Run a tool for a client and return its output, or its error, as a result."""
    with activity.watch(params.name) as call:
        try:
            return await _run(toolbox, context, params, call)
        except anyio.get_cancelled_exc_class():
            call.outcome = CANCELLED
            raise


async def _run(
    toolbox: Toolbox,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
    call: Call,
) -> types.CallToolResult:
    cancel = threading.Event()
    leaving = Leaving() if context.request is None else Leaving.of(context.request.scope)
    try:
        with leaving.cancels():
            return await _answer(toolbox, context, params, call, cancel)
    finally:
        cancel.set()
    call.outcome = CANCELLED
    return failure(Cancelled("the client has left", "Ask again."))


async def _answer(
    toolbox: Toolbox,
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
    call: Call,
    cancel: threading.Event,
) -> types.CallToolResult:
    send = context.session.report_progress if _listens(context) else None
    async with reporting(send) as reporter:

        def on_progress(progress: ToolProgress) -> None:
            call.on_progress(progress)
            if reporter is not None:
                reporter.on_progress(progress)

        try:
            output = await toolbox.acall(
                params.name, params.arguments or {}, on_progress=on_progress, cancel=cancel
            )
            call.succeeded(output)
            if reporter is not None:
                await reporter.flush()
            return success(output)
        except SmolVLMError as error:
            call.outcome = error.code
            return failure(error)


def _listens(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether a client may want progress: over HTTP only one that has given a token for it."""
    return context.request is None or (context.meta or {}).get("progress_token") is not None

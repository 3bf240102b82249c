"""One tools/call: run it in the toolbox, send its progress, end it when its client has left.

Two signs say that a client has left: the SDK cancels the handler (`notifications/cancelled`, the
end of stdin, a closed response stream of the 2026 era, a deleted session), and `GONE` in the HTTP
scope is set when the connection of a 2025-era call breaks. The 2025 protocol lets a client come
back for its answer, but only if the server stores answers, which this one does not.
"""

from __future__ import annotations

import threading
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext

from smolvlm_tools.errors import Cancelled, SmolVLMError
from smolvlm_tools.tools import Toolbox, ToolProgress

from .observing import CANCELLED, Activity, Call
from .progress import Reporter
from .results import failure, success

GONE = "smolvlm_mcp.gone"
"""Key of the `anyio.Event` in a request's ASGI scope that says its client has left."""


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
    reporter = Reporter(context.session.report_progress)

    def on_progress(progress: ToolProgress) -> None:
        call.on_progress(progress)
        reporter.on_progress(progress)

    result: types.CallToolResult | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_gone, context, tasks.cancel_scope)
            tasks.start_soon(reporter.run)
            try:
                output = await toolbox.acall(
                    params.name,
                    params.arguments or {},
                    on_progress=on_progress,
                    cancel=cancel,
                )
                call.succeeded(output)
                await reporter.flush()
                result = success(output)
            except SmolVLMError as error:
                call.outcome = error.code
                result = failure(error)
            tasks.cancel_scope.cancel()
    finally:
        cancel.set()
    if result is None:
        call.outcome = CANCELLED
        return failure(Cancelled("the client has left", "Ask again."))
    return result


async def _cancel_when_gone(
    context: ServerRequestContext[Any, Any], scope: anyio.CancelScope
) -> None:
    """Cancel `scope` when the HTTP connection of the request breaks."""
    gone = context.request.scope.get(GONE) if context.request is not None else None
    if gone is not None:
        await gone.wait()
        scope.cancel()

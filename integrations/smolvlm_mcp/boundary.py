"""What a client may learn of an unforeseen failure: that there was one. Knows no tools.

The SDK sends `str(error)` of whatever a handler raises to clients of the 2025 era; that may hold
paths and the caller's data.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

_LOG = logging.getLogger(__name__)


class Boundary:
    """Replaces unforeseen errors by a bare "internal error"; the traceback goes to the log."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, (MCPError, ValidationError)):
            _LOG.error("%s failed", self._method, exc_info=error)
            raise MCPError(
                code=types.INTERNAL_ERROR,
                message="Internal error; the server's log has the details",
            ) from None


async def keep_details(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Server middleware: every request runs inside a `Boundary`."""
    with Boundary(ctx.method):
        return await call_next(ctx)

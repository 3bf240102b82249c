"""Errors: a status, and a body as the API shows it whose path was asked.

/api/…           Ollama     {"error": "what was wrong, and what to do"}
everything else  OpenAI     {"error": {message, type, param, code}}

Both with the status that the error has, and `Retry-After` where it passes by itself.
"""

from __future__ import annotations

import math
from typing import Any

from smolvlm_mcp.wording import in_arguments
from starlette.responses import JSONResponse

from smolvlm_tools.errors import (
    Busy,
    Cancelled,
    Closed,
    ImageTooLarge,
    IncompleteAnswer,
    InputError,
    ModelError,
    ModelNotFound,
    OutOfMemoryBudget,
    PathNotAllowed,
    RemoteFailed,
    RemoteTimeout,
    SmolVLMError,
    StoreFull,
    UnknownTool,
    UrlNotAllowed,
)
from smolvlm_tools.tools import redact

_STATUS: tuple[tuple[type[SmolVLMError], int], ...] = (
    (Busy, 429),
    (ImageTooLarge, 413),
    (OutOfMemoryBudget, 413),  # of the request: the model itself is loaded before
    (PathNotAllowed, 403),
    (UrlNotAllowed, 403),
    (UnknownTool, 404),
    (ModelNotFound, 404),
    (InputError, 400),
    (IncompleteAnswer, 422),
    (Cancelled, 499),
    (StoreFull, 507),
    (RemoteTimeout, 504),
    (RemoteFailed, 502),
    (ModelError, 503),
    (Closed, 503),
)
_NAMES = {
    **{name: name for name in ("resolution", "temperature", "top_p", "top_k", "seed", "stop")},
    "repetition_guard": "repetition_guard",
    "ImagePolicy.allow_urls": "`smolvlm serve --allow-urls`",
}
"""What requests have besides the tools' arguments, and what is said when the server starts."""
OLLAMA = "/api/"
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Fault(Exception):
    """What a request gets instead of an answer.

    Attributes:
        status: of HTTP.
        message: one line: what was wrong, and what to do.
        code: stable identifier of the error's kind.
        param: which parameter it is about.
        headers: to send with it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "invalid_request",
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The error's JSON in OpenAI's API."""
        kind = _TYPES.get(self.status)
        kind = kind or ("invalid_request_error" if self.status < 500 else "server_error")
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self, path: str) -> JSONResponse:
        """The answer to a request for `path`."""
        told = {"error": self.message} if path.startswith(OLLAMA) else self.body()
        return JSONResponse(told, self.status, self.headers)


OURS = Fault(500, "internal error; the server's log has the details", "internal_error")
"""What clients are told of a fault of the server: its own text may hold paths and others' data."""


def fault_of(error: SmolVLMError) -> Fault:
    """The fault that an error of the engine or the tools is; names no path of this machine.

    Options that no request has are left out of its remedy.
    """
    known = in_arguments(redact(error), _NAMES)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers: dict[str, str] = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return Fault(status, str(known), error.code, headers=headers)


def unsupported(param: str, why: str) -> Fault:
    """A parameter that means something elsewhere and nothing here."""
    return Fault(400, f"{param}: {why}", "unsupported_parameter", param)

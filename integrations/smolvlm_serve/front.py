"""What every request meets first: its names, origin and token, by its head alone.

    /healthz, /readyz             anybody, by the number of the machine
    /, /page/…                    whoever names this host; they hold nothing that is secret
    everything else               with the token, if one is set

Pages of other sites are kept out as with MCP: a request with an `Origin` is taken from loopback (on
loopback), from `--allow-origin`, and from this server's own page.
"""

from __future__ import annotations

from smolvlm_mcp.bodies import Refused
from smolvlm_mcp.http import METRICS, UNAUTHORIZED, Front
from smolvlm_mcp.origins import parse_host, parse_origin
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from .faults import Fault

PAGE = "/page/"
_TOKEN_NEEDED = Fault(
    401,
    "a bearer token is needed: Authorization: Bearer TOKEN",
    "invalid_api_key",
    headers={"WWW-Authenticate": UNAUTHORIZED},
)


class ServeFront(Front):
    """`smolvlm_mcp`'s, with the errors of the API that was asked, and a page without a token."""

    def answer_checked(self, scope: Scope, reads: bool) -> Response | None:
        path: str = scope["path"]
        if reads and path == "/readyz":
            return None
        headers = Headers(scope=scope)
        fault = self._wrong_place(headers)
        if fault is not None:
            return fault.response(path)
        if reads and (path == "/" or path.startswith(PAGE)):
            return None
        if scope["method"] == "OPTIONS":  # a browser asks without the token, and gets no data
            return None
        if self.wrong_token(headers) is not None:
            return _TOKEN_NEEDED.response(path)
        return self.metrics() if reads and path == METRICS else None

    def refuse(self, scope: Scope, refused: Refused) -> Response:
        answer = refused.response
        extra = {
            name: answer.headers[name]
            for name in ("retry-after", "connection")
            if name in answer.headers
        }
        return Fault(answer.status_code, refused.text, refused.reason, headers=extra).response(
            scope["path"]
        )

    def takes_json(self, headers: Headers) -> bool:
        return not headers.get("content-type", "").startswith("multipart/form-data")

    def _wrong_place(self, headers: Headers) -> Fault | None:
        if self._allowed.refuses_host(headers.getlist("host")):
            return Fault(421, "this server has another name (Host)", "wrong_host")
        origins = headers.getlist("origin")
        if self._is_own(headers, origins) or not self._allowed.refuses_origin(origins):
            return None
        return Fault(403, "pages of that origin are not served", "wrong_origin")

    @staticmethod
    def _is_own(headers: Headers, origins: list[str]) -> bool:
        """Whether the request comes from this server's own page; its Host has been checked."""
        if len(origins) != 1:
            return False
        origin = parse_origin(origins[0])
        return origin is not None and origin[1] == parse_host(headers["host"])

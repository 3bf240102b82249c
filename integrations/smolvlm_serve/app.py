"""The routes."""

from __future__ import annotations

from smolvlm_mcp.http import PATH as MCP
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import answers, plans, shown, tools
from .faults import Fault
from .house import Endpoint, House, Work
from .ollama import cards, replies
from .openai import chat, counting, files, listing, responses

ROUTES: tuple[tuple[str, str, str | None, Work], ...] = (
    ("POST", "/v1/chat/completions", "chat_completions", chat.complete),
    ("POST", "/v1/chat/completions/input_tokens", None, counting.count_chat),
    ("POST", "/v1/responses", "responses", responses.create),
    ("POST", "/v1/responses/input_tokens", None, responses.count),
    ("GET", "/v1/responses/{name}", None, responses.show),
    ("DELETE", "/v1/responses/{name}", None, responses.remove),
    ("POST", "/v1/responses/{name}/cancel", None, responses.cancel),
    ("GET", "/v1/models", None, listing.list_models),
    ("GET", "/v1/models/{name:path}", None, listing.show_model),
    ("POST", "/v1/files", None, files.send_file),
    ("GET", "/v1/files", None, files.list_files),
    ("GET", "/v1/files/{name}", None, files.show_file),
    ("GET", "/v1/files/{name}/content", None, files.file_content),
    ("GET", "/v1/files/{name}/pages/{number:int}", None, files.file_page),
    ("DELETE", "/v1/files/{name}", None, files.remove_file),
    ("GET", "/v1/tools", None, tools.list_tools),
    ("POST", "/v1/tools/{name}", "call_tool", tools.call_tool),
    ("POST", "/v1/decide", "decide", tools.decide),
    ("POST", "/v1/answer", "answer", answers.answer),
    ("GET", "/v1/checks", None, answers.list_checks),
    ("POST", "/v1/plan", None, plans.plan),
    ("GET", "/v1/stats", None, plans.stats),
    ("POST", "/api/chat", "ollama_chat", replies.chat),
    ("POST", "/api/generate", "ollama_generate", replies.generate),
    ("GET", "/api/tags", None, cards.tags),
    ("POST", "/api/show", None, cards.show),
    ("GET", "/api/ps", None, cards.running),
    ("GET", "/api/version", None, cards.version),
)
"""Method, path, what calls are named in metrics if the model works for them, and the work."""

NAMES = frozenset({responses.BACKGROUND, *(name for _, _, name, _ in ROUTES if name)})


def make_app(house: House, mcp: ASGIApp, *, page: bool, origins: tuple[str, ...]) -> ASGIApp:
    """All routes, with MCP beside them.

    Args:
        mcp: answers at /mcp; its lifespan is the app's.
        page: whether there is a page at /.
        origins: of sites whose pages may read answers (CORS).
    """
    routes = [
        Route(path, Endpoint(house, name, work), methods=[method])
        for method, path, name, work in ROUTES
    ]
    routes.append(Route("/readyz", _Ready(house), methods=["GET"]))
    if page:
        routes += [Route("/", shown.index), Route("/page/{name}", shown.part)]
    else:
        routes.append(Route("/", shown.bare))
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
    )
    api = Starlette(
        routes=routes,
        middleware=[cors] if origins else [],
        exception_handlers={HTTPException: _not_served},
    )
    return _Both(api, mcp)


class _Both:
    """The routes here, and MCP."""

    def __init__(self, api: ASGIApp, mcp: ASGIApp) -> None:
        self._api, self._mcp = api, mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_mcp = scope["type"] != "http" or scope["path"] in (MCP, f"{MCP}/")
        await (self._mcp if is_mcp else self._api)(scope, receive, send)


class _Ready:
    """`GET /readyz`: whether the default model is loaded."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ready = self._house.models.default.toolbox.loaded is not None
        answer = JSONResponse({"status": "ready" if ready else "loading"}, 200 if ready else 503)
        await answer(scope, receive, send)


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        text = f"{request.method} is not what {path[:200]} takes"
        return Fault(405, text, "method_not_allowed", headers=dict(error.headers or {})).response(
            path
        )
    text = f"there is no {path[:200]} here; see docs/serve.md for what there is"
    return Fault(404, text, "not_found").response(path)

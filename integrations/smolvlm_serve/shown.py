"""The page at /: files of this package, sent with headers that let nothing else in.

No script, style, font or picture comes from elsewhere, and no other site may frame it.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from .faults import Fault

FOLDER = Path(__file__).resolve().parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_FILES = {path.name: path for path in FOLDER.iterdir() if path.is_file()}


async def index(request: Request) -> Response:
    """`GET /`."""
    return _file("index.html")


async def bare(request: Request) -> Response:
    """`GET /` of a server without a page: clients ask there whether it runs."""
    return PlainTextResponse("smolvlm serve is running")


async def part(request: Request) -> Response:
    """`GET /page/NAME`: a script, a style or a picture of it."""
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    path = _FILES.get(name)
    if path is None:
        return Fault(404, "the page has no such file", "not_found").response(f"/page/{name}")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return FileResponse(path, headers=HEADERS, media_type=kind)

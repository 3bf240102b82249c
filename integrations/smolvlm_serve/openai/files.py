"""`/v1/files`: images and documents that are sent once and named by their id afterwards."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import Any

import anyio.to_thread
from smolvlm_mcp.observing import Call
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools.images import EncodedImage, ImagePolicy, load_image

from ..faults import Fault
from ..held_files import HeldFile
from ..house import House

_SHOWN = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}
"""How the formats begin that browsers show."""
_KINDS = {**_SHOWN, b"%PDF": "application/pdf"}


async def send_file(house: House, request: Request, call: Call) -> Response:
    """`POST /v1/files`, a form with `file` and `purpose`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Fault(400, "send a form (multipart/form-data) with file and purpose", "invalid_form")
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            upload, purpose = form.get("file"), form.get("purpose", "user_data")
            if not isinstance(upload, UploadFile):
                raise Fault(400, "file: no file was sent", "invalid_value", "file")
            data = await upload.read()
            name = upload.filename or "unnamed"
    except HTTPException as error:  # what Starlette makes of a form that is broken
        raise Fault(400, f"the form cannot be read: {error.detail}", "invalid_form") from None
    add = partial(house.images.files.add, data, name, str(purpose))
    found = await anyio.to_thread.run_sync(add)
    return JSONResponse(card(found))


async def list_files(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/files`: those that are still here."""
    found = [card(each) for each in house.images.files]
    return JSONResponse({"object": "list", "data": found, "has_more": False})


async def show_file(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/files/ID`."""
    found = house.images.files.find(request.path_params["name"])
    return JSONResponse(card(found))


async def file_content(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/files/ID/content`: its bytes."""
    found = house.images.files.find(request.path_params["name"])
    return picture(found.data)


async def file_page(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/files/ID/pages/N`: a page of it, from 1, as the model is shown it."""
    name, number = request.path_params["name"], request.path_params["number"]

    def render() -> bytes:
        page = house.images.page(name, number, "page")
        return page.data if page.data.startswith(tuple(_SHOWN)) else _as_png(page, house.policy)

    return picture(await anyio.to_thread.run_sync(render))


def _as_png(page: EncodedImage, policy: ImagePolicy) -> bytes:
    """A format that browsers do not show, such as TIFF or HEIC, in one that they do."""
    stream = BytesIO()
    load_image(page, policy).pixels.save(stream, "PNG")
    return stream.getvalue()


async def remove_file(house: House, request: Request, call: Call) -> Response:
    """`DELETE /v1/files/ID`."""
    name = request.path_params["name"]
    house.images.files.remove(name)
    return JSONResponse({"id": name, "object": "file", "deleted": True})


def card(found: HeldFile) -> dict[str, Any]:
    """A file in OpenAI's words; `pages` is ours."""
    return {
        "id": found.id,
        "object": "file",
        "bytes": len(found.data),
        "created_at": found.created,
        "filename": found.name,
        "purpose": found.purpose,
        "status": "processed",
        "pages": found.pages,
    }


def picture(data: bytes) -> Response:
    """Bytes that a browser shows only as what they are, and never runs."""
    kind = next((name for start, name in _KINDS.items() if data.startswith(start)), None)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    return Response(data, headers=headers, media_type=kind or "application/octet-stream")

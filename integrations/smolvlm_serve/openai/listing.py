"""`GET /v1/models`: what is served, and that it sees."""

from __future__ import annotations

from typing import Any

from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..house import House
from ..models import ServedModel


async def list_models(house: House, request: Request, call: Call) -> Response:
    """All of them."""
    return JSONResponse({"object": "list", "data": [card(each) for each in house.models]})


async def show_model(house: House, request: Request, call: Call) -> Response:
    """One of them."""
    found = house.models.find(request.path_params["name"])
    return JSONResponse(card(found))


def card(served: ServedModel) -> dict[str, Any]:
    """A model in OpenAI's words, with its modalities, as llama-server and mlx-vlm tell them."""
    loaded = served.toolbox.loaded
    running = None
    if loaded is not None:
        name = loaded.identity
        running = {"id": name.model, "backend": name.backend, "precision": name.precision}
    return {
        "id": served.name,
        "object": "model",
        "created": served.created,
        "owned_by": "smolvlm-tools",
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "loaded": running,
    }

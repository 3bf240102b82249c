"""What is served, in Ollama's words: `/api/tags`, `/api/show`, `/api/ps`, `/api/version`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread
from pydantic import AliasChoices, Field
from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import Checkpoint, __version__, open_checkpoint
from smolvlm_tools.errors import SmolVLMError

from ..house import House
from ..models import ServedModel
from ..requests import Body, read_body

SPOKEN = "0.12.11"
"""Ollama's version whose API this is. Clients refuse to talk to one that seems too old to them."""
_NEVER = "2318-01-01T00:00:00Z"
"""When a model is freed that stays loaded, as Ollama says it."""


class Show(Body):
    """The body of `/api/show`; older clients say `name`."""

    model: str = Field(min_length=1, validation_alias=AliasChoices("model", "name"))
    verbose: bool | None = None


async def tags(house: House, request: Request, call: Call) -> Response:
    """`GET /api/tags`: all models."""
    found = [await anyio.to_thread.run_sync(_card, each) for each in house.models]
    return JSONResponse({"models": found})


async def running(house: House, request: Request, call: Call) -> Response:
    """`GET /api/ps`: those that are loaded."""
    loaded = [each for each in house.models if each.toolbox.loaded is not None]
    found = [await anyio.to_thread.run_sync(_running, each) for each in loaded]
    return JSONResponse({"models": found})


async def show(house: House, request: Request, call: Call) -> Response:
    """`POST /api/show`: what one is, and that it sees."""
    body = await read_body(request, Show)
    served = house.models.find(body.model)
    return JSONResponse(await anyio.to_thread.run_sync(partial(_shown, served)))


async def version(house: House, request: Request, call: Call) -> Response:
    """`GET /api/version`."""
    return JSONResponse({"version": SPOKEN, "smolvlm_tools": __version__})


def _card(served: ServedModel) -> dict[str, Any]:
    checkpoint = _checkpoint(served)
    return _head(served) | {
        "modified_at": _time(served.created),
        "size": checkpoint.bytes_here if checkpoint else 0,
        "details": _details(served, checkpoint),
    }


def _running(served: ServedModel) -> dict[str, Any]:
    checkpoint, engine = _checkpoint(served), served.toolbox.loaded
    plan = None if engine is None else engine.load_plan
    size = plan.predicted_bytes if plan else 0
    return _head(served) | {
        "size": size,
        "size_vram": 0 if plan is None or plan.device == "cpu" else size,
        "expires_at": _NEVER,
        "context_length": checkpoint.config.text.context_length if checkpoint else 0,
        "details": _details(served, checkpoint),
    }


def _shown(served: ServedModel) -> dict[str, Any]:
    checkpoint = _checkpoint(served)
    return {
        "modelfile": f"# served by smolvlm-tools {__version__}\nFROM {served.name}\n",
        "parameters": "",
        "template": "",
        "license": "",
        "modified_at": _time(served.created),
        "details": _details(served, checkpoint),
        "model_info": _numbers(checkpoint) if checkpoint else {},
        "capabilities": ["completion", "vision"],
    }


def _head(served: ServedModel) -> dict[str, Any]:
    """Names and digest: of what its replies depend on, or of its name before it is loaded."""
    engine = served.toolbox.loaded
    known = served.name if engine is None else engine.identity.model_dump_json()
    name = served.name if ":" in served.name else f"{served.name}:latest"
    return {"name": name, "model": name, "digest": hashlib.sha256(known.encode()).hexdigest()}


def _details(served: ServedModel, checkpoint: Checkpoint | None) -> dict[str, Any]:
    family = checkpoint.config.model_type if checkpoint else "smolvlm"
    engine = served.toolbox.loaded
    return {
        "parent_model": "",
        "format": engine.identity.backend if engine else "",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": engine.identity.precision if engine else "",
    }


def _numbers(checkpoint: Checkpoint) -> dict[str, Any]:
    config = checkpoint.config
    kind, text, vision = config.model_type, config.text, config.vision
    return {
        "general.architecture": kind,
        "general.basename": checkpoint.id,
        f"{kind}.context_length": text.context_length,
        f"{kind}.embedding_length": text.hidden_size,
        f"{kind}.block_count": text.layers,
        f"{kind}.attention.head_count": text.heads,
        f"{kind}.attention.head_count_kv": text.kv_heads,
        f"{kind}.vocab_size": text.vocab_size,
        f"{kind}.vision.image_size": vision.image_size,
        f"{kind}.vision.patch_size": vision.patch_size,
        f"{kind}.vision.block_count": vision.layers,
        f"{kind}.vision.embedding_length": vision.hidden_size,
    }


def _checkpoint(served: ServedModel) -> Checkpoint | None:
    """Its files, if they are on this machine."""
    engine = served.toolbox.loaded
    if engine is not None and engine.identity.backend == "remote":
        return None
    try:
        return open_checkpoint(served.checkpoint, local_files_only=True)
    except SmolVLMError:
        return None


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")

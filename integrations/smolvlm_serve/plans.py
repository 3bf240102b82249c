"""What the page asks before anything runs, and while it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import anyio.to_thread
from pydantic import Field
from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import RequestPlan
from smolvlm_tools.types import Resolution

from .house import House
from .models import ServedModel
from .requests import Body, read_body
from .stats import memory


class Plan(Body):
    """The body of `POST /v1/plan`.

    Attributes:
        image: see `images`.
        page: which page of it, where it has several.
        question: what will be asked; it is counted, too.
        resolutions: how the image may be cut; one plan for each.
    """

    model: str | None = None
    image: str
    page: int = 1
    question: str = ""
    resolutions: Sequence[str | int] = Field(default=("auto", "native"), min_length=1, max_length=8)


async def plan(house: House, request: Request, call: Call) -> Response:
    """Tiles, tokens, bytes and seconds of each resolution."""
    body = await read_body(request, Plan)
    served = house.models.find(body.model)
    engine = await served.engine()

    def work() -> list[dict[str, Any]]:
        image = house.images.page(body.image, body.page, "page")
        plans = [
            engine.plan(image, question=body.question, resolution=each)
            for each in cast("Sequence[Resolution]", body.resolutions)
        ]
        return [
            {"resolution": each, **_shown(plan, served)}
            for each, plan in zip(body.resolutions, plans, strict=True)
        ]

    found = await anyio.to_thread.run_sync(work)
    return JSONResponse({"object": "list", "model": served.name, "data": found})


def _shown(plan: RequestPlan, served: ServedModel) -> dict[str, Any]:
    """A plan, with seconds once earlier requests have shown how fast this machine is."""
    forecast = served.toolbox.speed.expect(plan.tiles, plan.prompt_tokens)
    seconds = None if forecast is None else round(forecast.first_token, 3)
    return plan.model_dump(mode="json") | {"seconds_to_first_token": seconds}


async def stats(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/stats`: what is running, how fast, and memory against the budget."""
    models = [
        {"id": each.name, "memory": None if each.toolbox.loaded is None else _memory(each)}
        for each in house.models
    ]
    found = house.stats.lately()
    return JSONResponse({"object": "stats", **found, "memory": memory(), "models": models})


def _memory(served: ServedModel) -> dict[str, Any] | None:
    engine = served.toolbox.loaded
    plan = None if engine is None else engine.load_plan
    if plan is None:
        return None
    return {"budget_bytes": plan.budget_bytes, "predicted_bytes": plan.predicted_bytes}

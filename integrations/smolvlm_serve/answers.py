"""`POST /v1/answer`: one typed question at a resolution, with what the page draws of its answer.

The tools answer typed questions too, but take no resolution, and tell no tokens.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, cast

import anyio.to_thread
from pydantic import Field
from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import Rating, RequestOptions, VisionResult
from smolvlm_tools.constraints import choices
from smolvlm_tools.types import Resolution

from .faults import Fault
from .house import House
from .models import ServedModel
from .openai.chat import logprobs, usage, worth
from .requests import Body, read_body
from .talking import unless_gone

AnswerType = Literal["text", "yes_no", "integer", "number", "date", "choice", "rating"]
_TYPES: dict[AnswerType, Any] = {
    "text": None,
    "yes_no": bool,
    "integer": int,
    "number": float,
    "date": datetime.date,
    "rating": Rating(1, 5),
}


class Question(Body):
    """The body of `POST /v1/answer`.

    Attributes:
        image: see `images`.
        page: which page of it, where it has several.
        answer_type: "choice" if there are choices, else "text"; a rating goes from 1 to 5.
        resolution: see `RequestOptions`.
    """

    model: str | None = None
    image: str
    page: int = 1
    question: str = Field(min_length=1, max_length=4_000)
    answer_type: AnswerType | None = None
    choices: Sequence[str] | None = Field(default=None, min_length=2, max_length=64)
    resolution: str | int = "auto"
    max_new_tokens: int | None = Field(default=None, ge=1, le=4_096)

    def answer(self) -> Any:
        """What the engine holds the answer to.

        Raises:
            Fault: choices and type do not go together.
            BadOptions: the choices are no choice.
        """
        kind = self.answer_type or ("choice" if self.choices else "text")
        if (kind == "choice") == bool(self.choices):
            return choices([*self.choices]) if self.choices else _TYPES[kind]
        text = f"choices: needed for answer_type choice, and for no other; it is {kind}"
        raise Fault(400, text, "invalid_value", "choices")


async def answer(house: House, request: Request, call: Call) -> Response:
    """Its value, the probability of every option, and the tokens."""
    body = await read_body(request, Question)
    options = RequestOptions(
        answer=body.answer(),
        resolution=cast("Resolution", body.resolution),
        policy=house.policy,
        logprobs=True,
        on_progress=call.on_progress,
    )
    if body.max_new_tokens is not None:
        options["max_new_tokens"] = body.max_new_tokens
    served = house.models.find(body.model)
    engine = await served.engine()
    look = partial(house.images.page, body.image, body.page, "page")
    image = await anyio.to_thread.run_sync(look)
    ask = partial(engine.aask, image, body.question, **options)
    result = await unless_gone(request, ask)
    served.note(call, result)
    return JSONResponse(_shown(served, result))


def _shown(served: ServedModel, result: VisionResult) -> dict[str, Any]:
    value = result.text if result.value is None and not result.abstained else result.value
    return {
        "object": "answer",
        "model": served.name,
        "text": "" if result.abstained else result.text,
        "value": value.isoformat() if isinstance(value, datetime.date) else value,
        "logprobs": logprobs(result.tokens),
        "usage": usage(result.usage),
        "smolvlm": worth(result),
    }

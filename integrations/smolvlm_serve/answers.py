"""`POST /v1/answer`: one task on one page at a resolution, with what the page draws of its answer.

The tools do these tasks too, but take no resolution, and tell no tokens. `GET /v1/checks` tells who
can read the image beside the model.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

import anyio.to_thread
from pydantic import Field
from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import Rating, RequestOptions, SmolVLM, VisionResult, find_checks
from smolvlm_tools.constraints import choices
from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.images import EncodedImage
from smolvlm_tools.tools import redact
from smolvlm_tools.types import CheckName, Resolution

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
        task: "ask" needs a question, "extract" a schema, "transcribe" neither.
        answer_type: "choice" if there are choices, else "text"; a rating goes from 1 to 5.
        schema_: the JSON schema of what to extract; it is sent as `schema`.
        resolution: see `RequestOptions`.
        check: who reads the image too; see `SmolVLM.transcribe`.
    """

    model: str | None = None
    image: str
    page: int = 1
    task: Literal["ask", "transcribe", "extract"] = "ask"
    question: str | None = Field(default=None, min_length=1, max_length=4_000)
    answer_type: AnswerType | None = None
    choices: Sequence[str] | None = Field(default=None, min_length=2, max_length=64)
    schema_: Mapping[str, Any] | None = Field(default=None, alias="schema")
    resolution: str | int = "auto"
    max_new_tokens: int | None = Field(default=None, ge=1, le=4_096)
    check: CheckName | None = None

    def check_parts(self) -> None:
        """Raises Fault where the task lacks something, or has what belongs to another."""
        given = {
            "question": self.question,
            "answer_type": self.answer_type,
            "choices": self.choices,
            "schema": self.schema_,
        }
        needed = {"ask": "question", "extract": "schema"}.get(self.task)
        if needed is not None and given[needed] is None:
            text = f"{needed}: the task {self.task} needs it"
            raise Fault(400, text, "invalid_value", needed)
        own = {"question", "answer_type", "choices"} if self.task == "ask" else {needed}
        for name, value in given.items():
            if value is not None and name not in own:
                text = f"{name}: the task {self.task} has none"
                raise Fault(400, text, "invalid_value", name)

    def answer(self) -> Any:
        """What the engine holds the answer to a question to.

        Raises:
            Fault: choices and type do not go together.
            BadOptions: the choices are no choice.
        """
        kind = self.answer_type or ("choice" if self.choices else "text")
        if (kind == "choice") == bool(self.choices):
            return choices([*self.choices]) if self.choices else _TYPES[kind]
        text = f"choices: needed for answer_type choice, and for no other; it is {kind}"
        raise Fault(400, text, "invalid_value", "choices")

    def call(
        self, engine: SmolVLM, image: EncodedImage, options: RequestOptions
    ) -> Callable[[], Awaitable[VisionResult]]:
        """The engine's method that does the task, with its arguments."""
        if self.task == "transcribe":
            return partial(engine.atranscribe, image, check=self.check, **options)
        if self.task == "extract":
            assert self.schema_ is not None
            return partial(engine.aextract, image, self.schema_, check=self.check, **options)
        assert self.question is not None
        return partial(engine.aask, image, self.question, check=self.check, **options)


async def answer(house: House, request: Request, call: Call) -> Response:
    """Its value, the probability of every option, the tokens, and the check."""
    body = await read_body(request, Question)
    body.check_parts()
    options = RequestOptions(
        resolution=cast("Resolution", body.resolution),
        policy=house.policy,
        logprobs=True,
        on_progress=call.on_progress,
    )
    if body.task == "ask":
        options["answer"] = body.answer()
    if body.max_new_tokens is not None:
        options["max_new_tokens"] = body.max_new_tokens
    served = house.models.find(body.model)
    engine = await served.engine()
    look = partial(house.images.page, body.image, body.page, "page")
    image = await anyio.to_thread.run_sync(look)
    result = await unless_gone(request, body.call(engine, image, options))
    served.note(call, result)
    return JSONResponse(_shown(served, result))


async def list_checks(house: House, request: Request, call: Call) -> Response:
    """`GET /v1/checks`: who can read images beside the model here, and why others cannot."""
    found = await anyio.to_thread.run_sync(find_checks)
    data = [
        {"id": name, "object": "check", "available": error is None, "reason": _told(error)}
        for name, error in found.items()
    ]
    return JSONResponse({"object": "list", "data": data})


def _told(error: SmolVLMError | None) -> str | None:
    return None if error is None else str(redact(error))


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
        "check": None if result.check is None else result.check.model_dump(mode="json"),
    }

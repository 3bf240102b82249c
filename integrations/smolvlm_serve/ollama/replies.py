"""`POST /api/chat` and `POST /api/generate`: a reply as lines of JSON, or whole."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from smolvlm_mcp.observing import OK, Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import Message, StreamChunk, VisionResult
from smolvlm_tools.errors import SmolVLMError

from ..faults import fault_of, unsupported
from ..house import House
from ..models import ServedModel
from ..openai.chat import finish_reason, logprobs, worth
from ..requests import read_body
from ..talking import begun, event_stream, unless_gone
from .bodies import Asking, Chat, Generate
from .messages import conversation, prompt

Said: TypeAlias = Callable[[str], dict[str, Any]]
"""Puts a text where the API has it."""


async def chat(house: House, request: Request, call: Call) -> Response:
    """Answer a conversation; one without messages loads the model."""
    body = await read_body(request, Chat)

    def said(text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}}

    make = partial(conversation, body.messages, house.images) if body.messages else None
    return await _answer(house, request, call, body, said, make)


async def generate(house: House, request: Request, call: Call) -> Response:
    """Answer a prompt; one without text and images loads the model."""
    body = await read_body(request, Generate)

    def said(text: str) -> dict[str, Any]:
        return {"response": text}

    asks = body.prompt or body.images
    make = partial(prompt, body, house.images) if asks else None
    return await _answer(house, request, call, body, said, make)


async def _answer(
    house: House,
    request: Request,
    call: Call,
    body: Asking,
    said: Said,
    make: Callable[[], Sequence[Message]] | None,
) -> Response:
    served = house.models.find(body.model)
    writing = Writing(served, body.model, said)
    options = body.request_options(house.policy)
    if make is None and body.unloads:
        raise unsupported("keep_alive", "models stay loaded until this server is stopped")
    messages = None if make is None else make()
    engine = await served.engine()
    writing.loaded()
    if messages is None:
        call.outcome = OK
        return JSONResponse(writing.piece("", done=True, done_reason="load"))
    options["on_progress"] = call.on_progress
    if body.streams:
        chunks = await begun(request, await engine.abegin(messages, **options))
        return event_stream(writing.lines(chunks, call), "application/x-ndjson")
    result = await unless_gone(request, partial(engine.agenerate, messages, **options))
    served.note(call, result)
    return JSONResponse(writing.last(result, result.text))


class Writing:
    """One reply in Ollama's words; its clock runs from here."""

    def __init__(self, served: ServedModel, name: str, said: Said) -> None:
        self._served, self._name, self._said = served, name, said
        self._began = time.perf_counter()
        self._loading = 0.0

    def loaded(self) -> None:
        """Note that the model is there now."""
        self._loading = time.perf_counter() - self._began

    def piece(self, text: str, *, done: bool = False, **more: Any) -> dict[str, Any]:
        """A part of the reply, which may be all of it."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {"model": self._name, "created_at": now, **self._said(text), "done": done, **more}

    def last(self, result: VisionResult, text: str = "") -> dict[str, Any]:
        """The end, with what it took: durations in nanoseconds."""
        used, seconds = result.usage, result.usage.seconds
        more: dict[str, Any] = {
            "done_reason": finish_reason(result),
            "total_duration": _nanoseconds(time.perf_counter() - self._began),
            "load_duration": _nanoseconds(self._loading),
            "prompt_eval_count": used.prompt_tokens,
            "prompt_eval_duration": _nanoseconds(seconds.total - seconds.decode),
            "eval_count": used.completion_tokens,
            "eval_duration": _nanoseconds(seconds.decode),
            "smolvlm": worth(result),
        }
        known = logprobs(result.tokens)
        if known is not None:
            more["logprobs"] = known["content"]
        return self.piece(text, done=True, **more)

    async def lines(self, chunks: AsyncIterator[StreamChunk], call: Call) -> AsyncIterator[str]:
        """The reply piece by piece."""
        try:
            async for chunk in chunks:
                if chunk.text:
                    yield _line(self.piece(chunk.text))
                if chunk.result is not None:
                    self._served.note(call, chunk.result)
                    yield _line(self.last(chunk.result))
        except SmolVLMError as error:
            call.outcome = error.code
            yield _line({"error": fault_of(error).message})


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False) + "\n"


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)

"""`POST /v1/chat/completions`: a conversation with images, whole or streamed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from smolvlm_mcp.observing import Call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smolvlm_tools import StreamChunk, Token, Usage, VisionResult
from smolvlm_tools.errors import SmolVLMError

from ..faults import fault_of
from ..house import House
from ..models import ServedModel
from ..requests import read_body
from ..talking import begun, event_stream, unless_gone
from .options import Chat
from .parts import conversation


async def complete(house: House, request: Request, call: Call) -> Response:
    """Answer a conversation."""
    body = await read_body(request, Chat)
    served = house.models.find(body.model)
    options = body.options(house.policy)
    options["on_progress"] = call.on_progress
    messages = conversation(body.messages, house.images)
    engine = await served.engine()
    writing = Writing(served)
    if body.stream:
        chunks = await begun(request, await engine.abegin(messages, **options))
        return event_stream(writing.events(chunks, call, body.wants_usage))
    result = await unless_gone(request, partial(engine.agenerate, messages, **options))
    served.note(call, result)
    return JSONResponse(writing.completion(result))


class Writing:
    """One reply in OpenAI's words."""

    def __init__(self, served: ServedModel) -> None:
        self._served = served
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": served.name,
        }

    def completion(self, result: VisionResult) -> dict[str, Any]:
        """The whole reply."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": result.text, "refusal": None},
            "logprobs": logprobs(result.tokens),
            "finish_reason": finish_reason(result),
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage(result.usage),
            "smolvlm": worth(result),
        }

    async def events(
        self, chunks: AsyncIterator[StreamChunk], call: Call, wants_usage: bool
    ) -> AsyncIterator[str]:
        """The reply as server-sent events."""
        try:
            yield self._event({"role": "assistant", "content": ""})
            async for chunk in chunks:
                if chunk.text:
                    yield self._event({"content": chunk.text})
                if chunk.result is not None:
                    self._served.note(call, chunk.result)
                    yield self._last(chunk.result)
                    if wants_usage:
                        yield sse(self._chunk([], usage=usage(chunk.result.usage)))
        except SmolVLMError as error:
            call.outcome = error.code
            yield sse(fault_of(error).body())
        yield "data: [DONE]\n\n"

    def _event(self, delta: dict[str, str]) -> str:
        return sse(self._chunk([self._choice(delta, None)]))

    def _last(self, result: VisionResult) -> str:
        choice = self._choice({}, finish_reason(result)) | {"logprobs": logprobs(result.tokens)}
        return sse(self._chunk([choice]) | {"smolvlm": worth(result)})

    def _choice(self, delta: dict[str, str], why: str | None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": why}

    def _chunk(self, choices: list[Any], **more: Any) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk", "choices": choices, **more}


def sse(data: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def finish_reason(result: VisionResult) -> str:
    """OpenAI knows no reply that was ended because it looped: it is a cut one there."""
    return "stop" if result.finish_reason == "stop" else "length"


def usage(used: Usage) -> dict[str, Any]:
    """What it took, in tokens."""
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
        "prompt_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "image_tokens": used.image_tokens,
        },
    }


def worth(result: VisionResult) -> dict[str, Any]:
    """What only this server tells: how sure the model was, and what a reader should know."""
    names = (
        *("confidence", "probabilities", "field_confidence", "calibrated", "abstained"),
        *("incomplete", "finish_reason", "flags", "image_sha256", "precision", "backend"),
    )
    known = result.model_dump(mode="json", include={*names})
    seconds = result.usage.seconds
    return known | {
        "tiles": result.usage.tiles,
        "seconds": seconds.model_dump() | {"total": seconds.total},
        "peak_bytes": result.usage.peak_bytes,
    }


def logprobs(tokens: tuple[Token, ...] | None) -> dict[str, Any] | None:
    """The tokens with their log-probabilities, if they were asked for."""
    if tokens is None:
        return None
    return {
        "content": [
            {
                "token": token.text,
                "logprob": token.logprob,
                "bytes": list(token.text.encode()),
                "top_logprobs": [],
            }
            for token in tokens
        ],
        "refusal": None,
    }

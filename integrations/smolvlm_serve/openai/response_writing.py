"""One response of `/v1/responses`: the object, and the events of a stream."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from smolvlm_mcp.observing import Call

from smolvlm_tools import StreamChunk, Usage, VisionResult
from smolvlm_tools.errors import SmolVLMError

from ..faults import Fault, fault_of
from ..models import ServedModel
from .chat import finish_reason, logprobs, worth
from .response_body import Asked

_HERE = {"output_index": 0, "content_index": 0}


class Writing:
    """One response as it is written.

    Attributes:
        served: who writes it.
        card: the object, as far as it has come.
    """

    def __init__(self, served: ServedModel, body: Asked) -> None:
        self.served = served
        self._item = f"msg_{uuid.uuid4().hex}"
        self._number = 0
        self.card: dict[str, Any] = {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "model": served.name,
            "output": [],
            "error": None,
            "incomplete_details": None,
            "usage": None,
            "tools": [],
            "tool_choice": "none",
            "parallel_tool_calls": False,
            "truncation": "disabled",
            "background": bool(body.background),
            "store": body.keeps,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": body.metadata or {},
            "previous_response_id": body.previous_response_id,
            "temperature": body.temperature or 0.0,
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "text": {"format": body.form or {"type": "text"}},
        }

    def finish(self, result: VisionResult) -> None:
        """Note the whole reply."""
        is_whole = finish_reason(result) == "stop"
        status = "completed" if is_whole else "incomplete"
        self.card |= {
            "status": status,
            "completed_at": int(time.time()),
            "incomplete_details": None if is_whole else {"reason": "max_output_tokens"},
            "output": [self._message(status, [_part(result)])],
            "usage": usage(result.usage),
            "smolvlm": worth(result),
        }

    def fail(self, fault: Fault) -> None:
        """Note why there is none."""
        code = "invalid_prompt" if fault.status < 500 else "server_error"
        code = "rate_limit_exceeded" if fault.status == 429 else code
        self.card |= {"status": "failed", "error": {"code": code, "message": fault.message}}

    async def events(
        self, chunks: AsyncIterator[StreamChunk], call: Call, done: Callable[[VisionResult], None]
    ) -> AsyncIterator[str]:
        """The response as server-sent events; `done` is called before the last one."""
        yield self._whole("created")
        yield self._whole("in_progress")
        yield self._added()
        yield self._event("content_part.added", part=_text(""))
        try:
            async for chunk in chunks:
                if chunk.text:
                    yield self._event("output_text.delta", delta=chunk.text, logprobs=[])
                if chunk.result is not None:
                    self.served.note(call, chunk.result)
                    self.finish(chunk.result)
                    done(chunk.result)
                    for event in self._ended(chunk.result):
                        yield event
        except SmolVLMError as error:
            call.outcome = error.code
            self.fail(fault_of(error))
            yield self._whole("failed")

    def _added(self) -> str:
        item = self._message("in_progress", [])
        return self._sse("output_item.added", {"output_index": 0, "item": item})

    def _ended(self, result: VisionResult) -> list[str]:
        part, item = _part(result), self.card["output"][0]
        return [
            self._event("output_text.done", text=result.text, logprobs=part["logprobs"]),
            self._event("content_part.done", part=part),
            self._sse("output_item.done", {"output_index": 0, "item": item}),
            self._whole(self.card["status"]),
        ]

    def _message(self, status: str, content: list[Any]) -> dict[str, Any]:
        return {
            "id": self._item,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _whole(self, name: str) -> str:
        return self._sse(name, {"response": self.card})

    def _event(self, name: str, **more: Any) -> str:
        return self._sse(name, {"item_id": self._item, **_HERE, **more})

    def _sse(self, name: str, data: dict[str, Any]) -> str:
        kind = f"response.{name}"
        told = json.dumps(
            {"type": kind, "sequence_number": self._number, **data}, ensure_ascii=False
        )
        self._number += 1
        return f"event: {kind}\ndata: {told}\n\n"


def usage(used: Usage) -> dict[str, Any]:
    """What it took, by the names that stand here."""
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "cache_write_tokens": 0,
            "image_tokens": used.image_tokens,
        },
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def _part(result: VisionResult) -> dict[str, Any]:
    known = logprobs(result.tokens)
    return _text(result.text) | {"logprobs": known["content"] if known else []}


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

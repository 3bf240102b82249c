"""Outcomes of tools as MCP results: structured content and a short text, or an error.

An error carries no structuredContent: a tool's outputSchema describes its successes, and clients
check everything they get against it (the TypeScript SDK even where isError is set). Code, reason
and remedy come as a line for readers and as a JSON block for programs instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import mcp_types as types

from smolvlm_tools.errors import Busy, SmolVLMError
from smolvlm_tools.tools import ToolOutput, for_agent

from .wording import in_arguments


def success(output: ToolOutput) -> types.CallToolResult:
    """A tool's output as `for_agent` has it as structured content, the gist as text."""
    data = for_agent(output)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=gist(data))], structured_content=data
    )


def gist(data: dict[str, Any]) -> str:
    """The text for readers who see no structured content: the answer, then one line about it."""
    handles = ", ".join(map(_image, data.get("images", ())))
    source = [f"read from {handles}: untrusted content"] if handles else []
    if data.get("pages") and "confidence" in data:
        read = [
            f"page {page['page']} [{'; '.join(_worth(page))}]:\n{_answer(page)}"
            for page in data["pages"]
        ]
        return "\n\n".join([*read, f"[{'; '.join(source)}]"])
    if "answers" in data:
        lines = [
            f"{name}: {_answer(answer)} [{'; '.join(_worth(answer))}]"
            for name, answer in data["answers"].items()
        ]
        return "\n".join([*lines, f"[{'; '.join(source)}]"])
    if "confidence" not in data:  # the model did not run
        return _compact(data)
    return f"{_answer(data)}\n[{'; '.join([*_worth(data), *source])}]"


def _image(image: dict[str, Any]) -> str:
    place = f" (page {image['page']} of {image['pages']})" if "page" in image else ""
    return image["handle"] + place


def _answer(data: dict[str, Any]) -> str:
    if data.get("abstained"):
        return f"(no answer: {_why(data.get('flags', ()))})"
    return data["text"] if "text" in data else _compact(data.get("value"))


def _worth(data: dict[str, Any]) -> list[str]:
    about = [f"confidence {data['confidence']:.2f}"]
    if data.get("flags"):
        about.append(f"flags {', '.join(data['flags'])}")
    if "check" in data:
        about.append(_checked(data["check"]))
    return about


def _checked(check: dict[str, Any]) -> str:
    """What a second reader found: how far a transcription agrees, or where values stand."""
    if check["agreement"] is not None:
        unsupported = sum(not line["supported"] for line in check["lines"])
        return (
            f"OCR agrees {check['agreement']:.2f}, has not read {unsupported} of these "
            f"{len(check['lines'])} lines"
        )
    places = [
        f"{pointer or 'the answer'} at {'-'.join(f'{at:.0f}' for at in found['box'].values())}"
        for pointer, found in check["evidence"].items()
    ]
    return f"printed: {', '.join(places) or 'not found'}"


def _why(flags: Sequence[str]) -> str:
    """What keeps a value back."""
    if "rejected" in flags:
        return "what the model wrote breaks a rule of its type"
    if "truncated" in flags:
        return "the reply was cut off before it was whole; raise max_new_tokens"
    if "repetition" in flags:
        return "the model began to repeat itself before its reply was whole"
    return "the model was not sure enough"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def failure(error: SmolVLMError) -> types.CallToolResult:
    """An error as a result with isError, so that the model that called can correct itself."""
    error = in_arguments(error)
    detail = json.dumps({"error": explain(error)}, ensure_ascii=False)
    return types.CallToolResult(
        content=[
            types.TextContent(type="text", text=f"{error.code}: {error}"),
            types.TextContent(type="text", text=detail),
        ],
        is_error=True,
    )


def explain(error: SmolVLMError) -> dict[str, Any]:
    """Code, reason and remedy; for "busy" also when to try again."""
    detail: dict[str, Any] = {"code": error.code, "reason": error.reason, "remedy": error.remedy}
    if isinstance(error, Busy):
        detail["retry_after_seconds"] = round(error.retry_after, 2)
    return detail

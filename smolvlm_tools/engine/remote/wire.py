"""A request → the JSON that a server gets; the JSON of its events → pieces of a reply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from ...errors import BadPrompt, RemoteFailed
from ...prompt.request import Request
from ...types import FinishReason, ImagePart, Message
from .answers import RemoteAnswer
from .pictures import Picture

Body: TypeAlias = dict[str, Any]

WORTH_TRYING_WITHOUT = ("logprobs", "top_logprobs", "stream_options", "response_format", "min_p")
"""Fields without which a reply is still the one that was asked for."""

MOST_ALTERNATIVES = 20
"""Most tokens whose log-probabilities servers tell."""


def body_of(request: Request, parts: Sequence[Sequence[Picture]], model: str) -> Body:
    """The request's JSON, in the fields that vLLM, llama-server and transformers share.

    What the server would otherwise have a default of its own for, such as `top_k`, is always said
    where it matters, that is if the reply is sampled.

    Args:
        parts: the images of each image part, which are several where it is a document.
    """
    options, answer = request.options, request.answer
    left = iter(parts)
    body: Body = {
        "model": model,
        "messages": [_message(message, left) for message in request.messages],
        "temperature": options.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logprobs": True,
        "top_logprobs": 1,
    }
    if not request.grows:  # else up to the context, as servers have it without a limit
        body["max_tokens"] = options.max_new_tokens
    if options.temperature:
        body |= {"top_p": options.top_p, "top_k": options.top_k, "min_p": 0.0}
    if options.seed is not None:
        body["seed"] = options.seed
    if options.stop:
        body["stop"] = list(options.stop)
    if options.ignore_eos:
        body["ignore_eos"] = True
    if isinstance(answer, RemoteAnswer) and answer.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": answer.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
        body["top_logprobs"] = MOST_ALTERNATIVES
    return body


def droppable(body: Body) -> list[str]:
    """Fields of a request that may be left out if the server does not know them."""
    names = [name for name in WORTH_TRYING_WITHOUT if name in body]
    return [*names, "top_k"] if body.get("top_k") == 0 else names


def _message(message: Message, parts: Iterator[Sequence[Picture]]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for part in message.content:
        if isinstance(part, ImagePart):
            for picture in next(parts):
                before, after = ([_text(said)] if said else [] for said in picture.said)
                image = {"type": "image_url", "image_url": {"url": picture.uri}}
                content += [*before, image, *after]
        else:
            content.append(_text(part.text))
    return {"role": message.role, "content": content}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": _sendable(text)}


def _sendable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadPrompt(
            "the text has half of a surrogate pair, which no encoding can send",
            "Use whole characters.",
        ) from None
    return text


@dataclass(frozen=True, slots=True)
class Said:
    """A token as a server tells of it.

    Attributes:
        data: its UTF-8; may be part of a character.
        logprob: natural log-probability; under a schema among all tokens, not only the allowed.
        others: the likeliest tokens at its place, with theirs.
    """

    data: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...] = ()


def tokens_of(text: str, told: Sequence[Said]) -> list[Said] | None:
    """Those of the tokens that wrote a text, without what servers leave out before it.

    llama-server begins a reply behind its white space, and waits for whole characters.
    """
    written = text.encode()
    excess = sum(len(said.data) for said in told) - len(written)
    if excess < 0 or not b"".join(said.data for said in told).endswith(written):
        return None
    kept: list[Said] = []
    for said in told:
        left_out = min(max(excess, 0), len(said.data))
        excess -= len(said.data)
        if left_out < len(said.data):
            kept.append(replace(said, data=said.data[left_out:]))
    return kept


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event says.

    Attributes:
        counts: of tokens, by OpenAI's names; None where the event has none.
    """

    text: str = ""
    tokens: tuple[Said, ...] = ()
    finish_reason: FinishReason | None = None
    counts: Mapping[str, Any] | None = None
    model: str | None = None


def piece_of(event: str) -> Piece:
    """Read an event, or a whole reply that was not streamed.

    Raises:
        RemoteFailed: it is an error, or not JSON, or not in OpenAI's form.
    """
    try:
        found = json.loads(event)
    except (ValueError, RecursionError):
        raise _nonsense(f"what is not JSON: {quote(event)}") from None
    if not isinstance(found, dict):
        raise _nonsense(f"what is no reply: {quote(event)}")
    data = cast("dict[str, Any]", found)
    if data.get("error"):
        raise RemoteFailed(
            f"the server broke off with an error: {quote(error_text(data))}",
            "Look into the server's log.",
        )
    choices = data.get("choices")
    first: Any = choices[0] if isinstance(choices, list) and choices else {}
    if not isinstance(choices, list) or not isinstance(first, dict):
        raise _nonsense(f"what is no reply: {quote(event)}")
    counts, model = data.get("usage"), data.get("model")
    return Piece(
        _content(cast("dict[str, Any]", first)),
        tuple(_tokens(cast("dict[str, Any]", first))),
        _finish_reason(cast("dict[str, Any]", first).get("finish_reason")),
        cast("dict[str, Any]", counts) if isinstance(counts, dict) else None,
        model if isinstance(model, str) else None,
    )


def error_text(data: Any) -> str:
    """The message in an answer that is an error, in any of the usual forms."""
    while isinstance(data, dict):
        members = cast("dict[str, Any]", data)
        inner = next((members[key] for key in ("error", "message", "detail") if key in members), "")
        if not isinstance(inner, (str, dict)):
            return json.dumps(inner)
        data = inner or json.dumps(members)
    return data if isinstance(data, str) else json.dumps(data)


def quote(text: str) -> str:
    """A server's words as an error may repeat them: printable, on one line, not long."""
    shown = "".join(each if each.isprintable() else " " for each in text[:2000])
    shown = " ".join(shown.split())
    return repr(shown if len(shown) <= 300 else f"{shown[:299]}…")


def _nonsense(what: str) -> RemoteFailed:
    return RemoteFailed(
        f"the server sent {what}", "Check that `base_url` is that of an OpenAI-compatible API."
    )


def _content(choice: dict[str, Any]) -> str:
    said = choice.get("delta") or choice.get("message") or {}
    text = cast("dict[str, Any]", said).get("content") if isinstance(said, dict) else None
    return text if isinstance(text, str) else ""


def _finish_reason(reason: object) -> FinishReason | None:
    if reason is None:
        return None
    if reason in ("stop", "length"):
        return "stop" if reason == "stop" else "length"
    raise RemoteFailed(
        f"the server ended the reply for the reason {quote(str(reason))}",
        "Look into the server's log, or ask in another way.",
    )


def _tokens(choice: dict[str, Any]) -> Iterator[Said]:
    logprobs = choice.get("logprobs")
    listed = cast("dict[str, Any]", logprobs).get("content") if isinstance(logprobs, dict) else None
    for each in cast("list[Any]", listed) if isinstance(listed, list) else ():
        token = _token(each)
        if token is not None:
            tops = cast("dict[str, Any]", each).get("top_logprobs")
            others = [_token(top) for top in tops] if isinstance(tops, list) else []
            yield Said(*token, tuple(other for other in others if other is not None))


def _token(entry: Any) -> tuple[bytes, float] | None:
    if not isinstance(entry, dict):
        return None
    told = cast("dict[str, Any]", entry)
    text, data = told.get("token"), told.get("bytes")
    logprob = _logprob(told.get("logprob"))
    if logprob is None:
        return None
    if isinstance(data, list):
        try:
            return bytes(cast("list[int]", data)), logprob
        except (TypeError, ValueError):
            return None
    return (text.encode("utf-8", "replace"), logprob) if isinstance(text, str) else None


def _logprob(told: object) -> float | None:
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not told <= 0:
        return 0.0 if isinstance(told, float) and 0 < told < 1e-3 else None  # rounded
    return max(float(max(told, -1e4)), -1e4)

"""Parameters of a completion → the options of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from smolvlm_tools import RequestOptions
from smolvlm_tools.images import ImagePolicy

from ..faults import Fault, unsupported
from ..requests import Body

_NOT_CHOSEN = "SmolVLM was not trained to choose among tools; call /v1/tools/NAME yourself"


class Sampling(Body):
    """What `/v1/chat/completions` and `/v1/responses` have in common, and what is our own.

    Attributes:
        resolution, pages, min_confidence, top_k, repetition_guard: see `RequestOptions`; no other
            server has them.
    """

    model: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    tools: Sequence[Any] | None = None
    tool_choice: Any = None
    resolution: str | int | None = None
    pages: str | int | None = None
    min_confidence: float | None = None
    top_k: int | None = None
    repetition_guard: bool | None = None

    def options(self, policy: ImagePolicy) -> RequestOptions:
        """Those that were given, for the engine.

        Raises:
            Fault: tools to choose from.
        """
        if self.tools:
            raise unsupported("tools", _NOT_CHOSEN)
        if self.tool_choice not in (None, "none", "auto"):
            raise unsupported("tool_choice", _NOT_CHOSEN)
        names = ("temperature", "top_p", "seed", "resolution", "pages", "min_confidence")
        given = {name: getattr(self, name) for name in (*names, "top_k", "repetition_guard")}
        found = {name: value for name, value in given.items() if value is not None}
        return RequestOptions(policy=policy, **found)  # pyright: ignore[reportArgumentType]


class Chat(Sampling):
    """The body of `/v1/chat/completions`."""

    messages: Sequence[Mapping[str, Any]] = Field(min_length=1)
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: Mapping[str, Any] | None = None
    stream_options: Mapping[str, Any] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, Any] | None = None
    modalities: Sequence[str] | None = None

    def options(self, policy: ImagePolicy) -> RequestOptions:
        """See `Sampling.options`.

        Raises:
            Fault: a parameter that would be without effect.
        """
        if self.n not in (None, 1):
            raise unsupported("n", "one reply a request; send the request again for another")
        if self.top_logprobs:
            raise unsupported("top_logprobs", "only the chosen token's own probability is known")
        for name in ("presence_penalty", "frequency_penalty", "logit_bias"):
            if getattr(self, name):
                raise unsupported(name, "not had here; loops are ended by repetition_guard")
        if self.modalities and list(self.modalities) != ["text"]:
            raise unsupported("modalities", "replies are text")
        options = super().options(policy)
        most = self.max_tokens
        if self.max_completion_tokens is not None:
            most = self.max_completion_tokens
        if most is not None:
            options["max_new_tokens"] = most
        if self.stop:
            options["stop"] = self.stop
        if self.logprobs:
            options["logprobs"] = True
        answer = answer_of(self.response_format, "response_format")
        if answer is not None:
            options["answer"] = answer
        return options

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that says what it took."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))


def answer_of(form: Mapping[str, Any] | None, param: str) -> Mapping[str, Any] | None:
    """The JSON schema that a reply is held to, or None for free text.

    Raises:
        Fault: a form that means nothing.
    """
    kind = None if form is None else form.get("type")
    match kind:
        case None | "text":
            return None
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            assert form is not None
            schema = form.get("json_schema", form)
            schema = schema.get("schema") if isinstance(schema, Mapping) else None
            if isinstance(schema, Mapping):
                return schema
            raise Fault(400, f"{param}: no schema is given", "invalid_value", param)
        case _:
            text = f"{param}.type: {str(kind)[:40]!r} is not text, json_object or json_schema"
            raise Fault(400, text, "invalid_value", param)

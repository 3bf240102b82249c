"""The body of `/v1/responses` → a conversation and the options of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from smolvlm_tools import Message, RequestOptions, TextPart
from smolvlm_tools.images import ImagePolicy

from ..faults import Fault, unsupported
from ..images import Images
from .options import Sampling, answer_of
from .parts import conversation

LOGPROBS = "message.output_text.logprobs"
_INCLUDED = {LOGPROBS, "message.input_image.image_url", "reasoning.encrypted_content"}
"""What may stand in `include`; the last two are of things that there are none of here."""
_Key = Annotated[str, StringConstraints(max_length=64)]
_Value = Annotated[str, StringConstraints(max_length=512)]


class Asked(Sampling):
    """What a client sends. `max_tool_calls` and `stream_options` have no effect."""

    input: str | Sequence[Mapping[str, Any]]
    instructions: str | None = None
    max_output_tokens: int | None = None
    text: Mapping[str, Any] | None = None
    metadata: dict[_Key, _Value] | None = Field(default=None, max_length=16)
    previous_response_id: str | None = None
    background: bool | None = None
    store: bool | None = None
    include: Sequence[str] | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    conversation: Any = None
    prompt: Any = None
    max_tool_calls: int | None = None
    stream_options: Mapping[str, Any] | None = None

    def options(self, policy: ImagePolicy) -> RequestOptions:
        """See `Sampling.options`.

        Raises:
            Fault: a parameter that would be without effect.
        """
        self._check()
        options = super().options(policy)
        if self.max_output_tokens is not None:
            options["max_new_tokens"] = self.max_output_tokens
        if self.include and LOGPROBS in self.include:
            options["logprobs"] = True
        answer = answer_of(self.form, "text.format")
        if answer is not None:
            options["answer"] = answer
        return options

    @property
    def keeps(self) -> bool:
        """Whether the response can be looked up later."""
        return self.store is not False

    @property
    def form(self) -> Mapping[str, Any] | None:
        """Which form the reply is to have.

        Raises:
            Fault: `text` holds something else.
        """
        for name in self.text or ():
            if name not in ("format", "verbosity"):
                raise Fault(400, f"unknown parameter 'text.{name[:80]}'", "unknown_parameter")
        found = (self.text or {}).get("format")
        if found is not None and not isinstance(found, Mapping):
            raise Fault(400, "text.format: an object is needed", "invalid_value", "text.format")
        return found

    def said(self, images: Images) -> list[Message]:
        """The turns in `input`.

        Raises:
            Fault: an item that is no message, or see `parts.conversation`.
        """
        if isinstance(self.input, str):
            return [Message(role="user", content=(TextPart(text=self.input),))]
        if not self.input:
            raise Fault(400, "input: it is empty", "invalid_value", "input")
        for number, item in enumerate(self.input):
            if item.get("type", "message") != "message":
                text = f"input.{number}: a {str(item['type'])[:40]!r} means nothing to this model"
                raise Fault(400, text, "unsupported_value", f"input.{number}")
        return conversation(self.input, images, "input")

    def instructed(self, messages: Sequence[Message]) -> list[Message]:
        """A conversation that begins with `instructions`."""
        if not self.instructions:
            return [*messages]
        return [Message(role="system", content=(TextPart(text=self.instructions),)), *messages]

    def _check(self) -> None:
        if self.top_logprobs:
            raise unsupported("top_logprobs", "only the chosen token's own probability is known")
        if self.truncation not in (None, "disabled"):
            raise unsupported("truncation", "what does not fit is refused, never cut silently")
        if self.conversation is not None:
            raise unsupported("conversation", "name the response before: previous_response_id")
        if self.prompt is not None:
            raise unsupported("prompt", "no templates are kept here; send the text as input")
        for name in self.include or ():
            if name not in _INCLUDED:
                raise unsupported("include", f"there is no {name[:60]!r} here")
        if self.background and self.stream:
            raise unsupported("stream", "ask for the background, or for a stream")
        if self.background and not self.keeps:
            raise unsupported("store", "what runs in the background has to be kept")

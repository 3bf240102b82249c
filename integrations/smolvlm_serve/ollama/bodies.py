"""Bodies of `/api/chat` and `/api/generate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from smolvlm_tools import RequestOptions
from smolvlm_tools.images import ImagePolicy

from ..faults import unsupported
from ..requests import Body
from .options import answer_of, request_options


class Asking(Body):
    """What both have in common. `keep_alive` is taken: models stay loaded."""

    model: str = Field(min_length=1)
    stream: bool | None = None
    format: str | Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None
    keep_alive: str | float | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    def request_options(self, policy: ImagePolicy) -> RequestOptions:
        """For the engine.

        Raises:
            Fault: 400, something that would be without effect.
        """
        if self.think:
            raise unsupported("think", "this model does not think before it answers")
        if self.top_logprobs:
            raise unsupported("top_logprobs", "only the chosen token's own probability is known")
        options = request_options(self.options or {}, policy)
        if self.logprobs:
            options["logprobs"] = True
        answer = answer_of(self.format)
        if answer is not None:
            options["answer"] = answer
        return options

    @property
    def streams(self) -> bool:
        """Whether the reply comes in pieces: unless it is said that it does not."""
        return self.stream is not False

    @property
    def unloads(self) -> bool:
        """Whether the model is to be freed at once."""
        return self.keep_alive is not None and str(self.keep_alive) in ("0", "0.0", "0s", "0m")


class Chat(Asking):
    """The body of `/api/chat`."""

    messages: Sequence[Mapping[str, Any]] | None = None
    tools: Sequence[Any] | None = None

    def request_options(self, policy: ImagePolicy) -> RequestOptions:
        if self.tools:
            raise unsupported("tools", "SmolVLM was not trained to choose among tools")
        return super().request_options(policy)


class Generate(Asking):
    """The body of `/api/generate`."""

    prompt: str | None = None
    images: Sequence[str] | None = None
    system: str | None = None
    template: str | None = None
    suffix: str | None = None
    context: Sequence[int] | None = None
    raw: bool | None = None

    def request_options(self, policy: ImagePolicy) -> RequestOptions:
        template = "the checkpoint's own chat template is used"
        for name, why in (
            ("template", template),
            ("raw", template),
            ("suffix", "this model does not fill gaps"),
            ("context", "send the conversation to /api/chat"),
        ):
            if getattr(self, name):
                raise unsupported(name, why)
        return super().request_options(policy)

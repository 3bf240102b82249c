"""What a tool is: a `ModelTool` asks the model, an `ImageTool` needs no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .image_store import StoredImage
from .outlook import Outlook
from .replies import ModelReply, report_text
from .schema import ToolInput, ToolOutput, plain_schema


@dataclass(frozen=True, slots=True)
class EngineCall:
    """A call of one of `SmolVLM`'s methods, or of its async twin."""

    method: Literal["describe", "ask", "ask_many", "transcribe", "extract"]
    arguments: tuple[Any, ...] = ()  # those after the images
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What all tools have.

    Attributes:
        name: what callers call it by.
        title: for people.
        description: for the language model: when to use it, and its limits.
        input: model of its arguments.
        output: model of its result.
        read_only: it changes nothing but what this package remembers.
        idempotent: the same call again gives the same.
    """

    name: str
    title: str
    description: str
    input: type[ToolInput]
    output: type[ToolOutput]
    read_only: bool = True
    idempotent: bool = True

    def input_schema(self) -> dict[str, Any]:
        """JSON schema of its arguments."""
        return plain_schema(self.input)

    def output_schema(self) -> dict[str, Any]:
        """JSON schema of its result as `model_dump(mode="json")` writes it."""
        return plain_schema(self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTool(Tool):
    """A tool that runs the model.

    The engine gets `context`, `max_new_tokens`, `min_confidence`, `min_field_confidence`, `frames`,
    `start` and `end` too where the input has them.

    Attributes:
        ask: from checked arguments to the engine's call.
        report: from what the engine's method returns to the fields that `output` adds to `Reply`,
            or, where it returns results by name, to `ModelReply`.
    """

    output: type[ModelReply]
    ask: Callable[[Any], EngineCall]
    report: Callable[[Any], Mapping[str, Any]] = report_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTool(Tool):
    """A tool that needs the images and at most a plan of the request."""

    look: Callable[[Outlook, Any, Sequence[StoredImage]], ToolOutput]

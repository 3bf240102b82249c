"""What a tool is: one frozen value; knows schemas, not which tools there are.

A tool either asks the model (`ask` says which of the engine's methods, `report` turns its result
into the tool's) or only looks at its images (`look`), which needs no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..types import VisionResult
from .images import StoredImage
from .outlook import Outlook
from .schema import ToolInput, ToolOutput, plain_schema

Images: TypeAlias = Sequence[StoredImage]


@dataclass(frozen=True, slots=True)
class EngineCall:
    """A call of one of `SmolVLM`'s asking methods, or of its async twin.

    Attributes:
        method: its name.
        arguments: those after the images.
        options: its keywords.
    """

    method: Literal["describe", "ask", "transcribe", "extract"]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a tool that runs the model does.

    Attributes:
        ask: from checked arguments to the engine's call.
        report: from arguments, the engine's result and the images to the tool's result.
    """

    ask: Callable[[Any], EngineCall]
    report: Callable[[Any, VisionResult, Images], ToolOutput]


@dataclass(frozen=True, slots=True)
class Looking:
    """What a tool that needs no weights does: from arguments and images to its result."""

    look: Callable[[Outlook, Any, Images], ToolOutput]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: how it is called.
        title: for people.
        description: for the language model: when to use it, and its limits.
        input: model of its arguments.
        output: model of its result.
        work: what it does.
        read_only: it changes nothing but what this package remembers.
        idempotent: the same call again gives the same.
    """

    name: str
    title: str
    description: str
    input: type[ToolInput]
    output: type[ToolOutput]
    work: Asking | Looking
    read_only: bool = True
    idempotent: bool = True

    @property
    def runs_model(self) -> bool:
        """Whether the weights have to be there."""
        return isinstance(self.work, Asking)

    def input_schema(self) -> dict[str, Any]:
        """JSON schema of its arguments."""
        return _without_description(plain_schema(self.input))

    def output_schema(self) -> dict[str, Any]:
        """JSON schema of its result as `model_dump(mode="json")` writes it."""
        return _without_description(plain_schema(self.output))


def _without_description(schema: dict[str, Any]) -> dict[str, Any]:
    """The root's is the class's docstring, which is for readers of the code."""
    return {key: value for key, value in schema.items() if key != "description"}

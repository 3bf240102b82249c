"""What to ask about an image, and the asking of many at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar, cast

from pydantic import Field, computed_field, model_validator

from smolvlm_tools import (
    RequestOptions,
    SmolVLM,
    ask_messages,
    describe_messages,
    transcribe_messages,
)
from smolvlm_tools.errors import BadOptions, Busy, InputError, OutOfMemoryBudget, SmolVLMError
from smolvlm_tools.images import ImageSource
from smolvlm_tools.types import Detail, Message, Task, VisionResult

from .engine import EngineSettings

Mode: TypeAlias = Literal["caption", "transcription", "both", "question", "none"]
Look: TypeAlias = Literal["caption", "transcription", "answer"]
Outcome: TypeAlias = VisionResult | SmolVLMError
Said: TypeAlias = Mapping[Look, Outcome] | SmolVLMError
"""About one image; the error if it could not even be read."""

Found: TypeAlias = ImageSource | SmolVLMError
T = TypeVar("T")
_Job: TypeAlias = tuple[Sequence[Message], RequestOptions]

_LOOKS: dict[Mode, tuple[Look, ...]] = {
    "caption": ("caption",),
    "transcription": ("transcription",),
    "both": ("caption", "transcription"),
    "question": ("answer",),
    "none": (),
}
_TASKS: dict[Look, Task] = {"caption": "describe", "transcription": "transcribe", "answer": "ask"}


class LookSettings(EngineSettings):
    """What to find out about every image.

    Attributes:
        mode: "caption", "transcription", "both", "question", or "none" where the images are only
            loaded, for a transform to look at.
        question: what to ask, for mode "question".
        detail: of captions: "brief", "normal" or "detailed".
        layout: of transcriptions: "plain" or "markdown".
        options: of the requests; see `smolvlm_tools.RequestOptions`.
        on_error: "raise" what is wrong with an image, or "record" it in the metadata
            (`smolvlm_error`) of a document or node, and go on.
        at_once: images that are looked at together.
    """

    mode: Mode = "both"
    question: str | None = None
    detail: Detail = "normal"
    layout: Literal["plain", "markdown"] = "plain"
    options: dict[str, Any] = Field(default_factory=dict)
    on_error: Literal["raise", "record"] = "raise"
    at_once: int = Field(default=8, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _without_prompts(cls, fields: Any) -> Any:
        """`to_dict` writes the prompts for readers and cache keys; the other fields make them."""
        given = cast("dict[str, Any]", fields)
        return {name: value for name, value in given.items() if name != "prompts"}

    @model_validator(mode="after")
    def _check_question(self) -> LookSettings:
        if (self.mode == "question") != (self.question is not None):
            raise BadOptions(
                f"mode={self.mode!r} does not go with question={self.question!r}",
                'Give both mode="question" and a question, or none of the two.',
            )
        return self

    @computed_field
    @property
    def prompts(self) -> dict[str, str]:
        """What the model is asked, by look."""
        prompts = {look: self._messages(look, b"")[0].content[-1] for look in _LOOKS[self.mode]}
        return {look: getattr(part, "text", "") for look, part in prompts.items()}

    def _messages(self, look: Look, source: ImageSource) -> Sequence[Message]:
        if look == "caption":
            return describe_messages(source, self.detail)
        if look == "transcription":
            return transcribe_messages(source, self.layout)
        return ask_messages(source, self.question or "")

    def _windows(self, numbers: Sequence[int]) -> list[Sequence[int]]:
        """The numbers, `at_once` together."""
        return [numbers[n : n + self.at_once] for n in range(0, len(numbers), self.at_once)]

    def _jobs(self, found: Sequence[Found]) -> list[_Job]:
        given = cast("RequestOptions", self.options)
        return [
            (self._messages(look, source), {**given, "task": _TASKS[look]})
            for source in found
            if not isinstance(source, SmolVLMError)
            for look in _LOOKS[self.mode]
        ]

    def _look(self, found: Sequence[Found]) -> list[Said]:
        """What there is to say about each image; errors stay in their places."""
        jobs = self._jobs(found)
        return self._in_place(found, _answer(self._get_engine(), jobs) if jobs else [])

    async def _alook(self, found: Sequence[Found]) -> list[Said]:
        jobs = self._jobs(found)
        outcomes = await _aanswer(await self._aget_engine(), jobs) if jobs else []
        return self._in_place(found, outcomes)

    def _in_place(self, found: Sequence[Found], outcomes: Sequence[Outcome]) -> list[Said]:
        rest = iter(outcomes)
        return [
            source
            if isinstance(source, SmolVLMError)
            else {look: next(rest) for look in _LOOKS[self.mode]}
            for source in found
        ]

    def _attempt(self, read: Callable[..., T], *where: Any) -> T | SmolVLMError:
        try:
            return read(*where)
        except SmolVLMError as error:
            return self._tolerate(error)

    def _tolerate(self, error: SmolVLMError) -> SmolVLMError:
        """The error if it is about one image and to be recorded; else it is raised."""
        if self.on_error == "record" and isinstance(error, (InputError, OutOfMemoryBudget)):
            return error
        raise error


def _answer(engine: SmolVLM, jobs: Sequence[_Job]) -> list[Outcome]:
    """The outcome of every job; waits while others fill the engine's queue."""
    outcomes = _batch(engine, jobs)
    while waits := _waits(outcomes):
        time.sleep(max(waits.values()))
        again = _batch(engine, [jobs[n] for n in waits])
        for n, outcome in zip(waits, again, strict=True):
            outcomes[n] = outcome
    return outcomes


async def _aanswer(engine: SmolVLM, jobs: Sequence[_Job]) -> list[Outcome]:
    outcomes = await _abatch(engine, jobs)
    while waits := _waits(outcomes):
        await asyncio.sleep(max(waits.values()))
        again = await _abatch(engine, [jobs[n] for n in waits])
        for n, outcome in zip(waits, again, strict=True):
            outcomes[n] = outcome
    return outcomes


def _batch(engine: SmolVLM, jobs: Sequence[_Job]) -> list[Outcome]:
    conversations, each = zip(*jobs, strict=True)
    try:
        return engine.batch(conversations, each=each, return_exceptions=True)
    except Busy as error:
        return [error] * len(jobs)


async def _abatch(engine: SmolVLM, jobs: Sequence[_Job]) -> list[Outcome]:
    conversations, each = zip(*jobs, strict=True)
    return await engine.abatch(conversations, each=each, return_exceptions=True)


def _waits(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """Seconds to wait, by the places of those for whom the queue was full."""
    return {n: found.retry_after for n, found in enumerate(outcomes) if isinstance(found, Busy)}

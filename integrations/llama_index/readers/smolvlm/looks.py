"""What to ask about an image, and the asking of many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, cast

from pydantic import BeforeValidator, Field, PrivateAttr, computed_field, model_validator

from smolvlm_tools import (
    RequestOptions,
    ask_messages,
    check_request_options,
    describe_messages,
    transcribe_messages,
)
from smolvlm_tools.errors import BadOptions, InputError, OutOfMemoryBudget, SmolVLMError
from smolvlm_tools.images import ImagePolicy, ImageSource
from smolvlm_tools.ingest import Answers, ImageRequest, Outcome, OwnText
from smolvlm_tools.types import Detail, Message, Task

from .engine import as_text, check_cache, or_missing
from .generation import GenerationSettings, by_our_names

Mode: TypeAlias = Literal["caption", "transcription", "both", "question", "none"]
Look: TypeAlias = Literal["caption", "transcription", "answer"]
OnError: TypeAlias = Literal["raise", "skip", "record"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to look at.

    Attributes:
        source: the image; None where only the page's own text is wanted.
        sha256: of its encoded bytes; None where they are not known.
        own: the page's own text, where it was asked for.
    """

    source: ImageSource | None
    sha256: str | None = None
    own: OwnText | None = None

    @property
    def is_read(self) -> bool:
        """Whether its own text is the transcription."""
        return self.own is not None and self.own.is_used


Found: TypeAlias = Sight | SmolVLMError
Said: TypeAlias = Mapping[Look, Outcome | OwnText] | SmolVLMError
"""About one image; the error if it could not even be read."""

_LOOKS: dict[Mode, tuple[Look, ...]] = {
    "caption": ("caption",),
    "transcription": ("transcription",),
    "both": ("caption", "transcription"),
    "question": ("answer",),
    "none": (),
}
_TASKS: dict[Look, Task] = {"caption": "describe", "transcription": "transcribe", "answer": "ask"}


class LookSettings(GenerationSettings):
    """What to find out about every image.

    Attributes:
        mode: "caption", "transcription", "both", "question", or "none" where the images are only
            loaded, for a transform to look at.
        question: what to ask, for mode "question".
        detail: of captions: "brief", "normal" or "detailed".
        layout: of transcriptions: "plain" or "markdown".
        options: of the requests, besides those that are fields; see `smolvlm_tools.RequestOptions`.
        on_error: "raise" what is wrong with an image; or go on and "record" it in the metadata
            (`smolvlm_error`) of a document or node, or "skip" that with a warning in the log.
        at_once: images that are looked at together.
        cache: path of a file that keeps the model's replies, so that an interrupted run goes on
            where it was. It may be shared between processes.
    """

    mode: Mode = "both"
    question: str | None = None
    detail: Detail = "normal"
    layout: Literal["plain", "markdown"] = "plain"
    options: dict[str, Any] = Field(default_factory=dict)
    on_error: OnError = "raise"
    at_once: int = Field(default=8, ge=1)
    cache: Annotated[str | None, BeforeValidator(as_text)] = None
    _answers: Answers | None = PrivateAttr(default=None)
    _default_policy: ClassVar[ImagePolicy] = ImagePolicy(isolate=True)
    """Where you name the files, and others have made them."""

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

    @model_validator(mode="after")
    def _check_request(self) -> LookSettings:
        options = by_our_names(self.options)
        check_request_options(options)
        twice = sorted(options.keys() & self.request_options().keys())
        if twice:
            raise BadOptions(f"{twice[0]} is both a field and in options", "Give it once.")
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

    @property
    def _rules(self) -> ImagePolicy:
        """The policy that holds."""
        return ImagePolicy.named(self.policy, self._default_policy)

    def _windows(self, numbers: Sequence[int]) -> list[Sequence[int]]:
        """The numbers, `at_once` together."""
        return [numbers[n : n + self.at_once] for n in range(0, len(numbers), self.at_once)]

    @property
    def _looks(self) -> tuple[Look, ...]:
        return _LOOKS[self.mode]

    def _asked(self, sight: Sight) -> list[Look]:
        """What the model is asked about an image."""
        return [look for look in self._looks if not (look == "transcription" and sight.is_read)]

    def _requests(self, found: Sequence[Found]) -> list[ImageRequest]:
        own = {"policy": self._rules, **by_our_names(self.options), **self.request_options()}
        given = cast("RequestOptions", own)
        return [
            ImageRequest(
                self._messages(look, sight.source),
                {**given, "task": _TASKS[look]},
                sight.sha256,
            )
            for sight in found
            if isinstance(sight, Sight) and sight.source is not None
            for look in self._asked(sight)
        ]

    def _look(self, found: Sequence[Found]) -> list[Said]:
        """What there is to say about each image; errors stay in their places."""
        requests = self._requests(found)
        with or_missing():
            return self._in_place(found, self._answering().answer(requests))

    async def _alook(self, found: Sequence[Found]) -> list[Said]:
        requests = self._requests(found)
        with or_missing():
            return self._in_place(found, await self._answering().aanswer(requests))

    def _answering(self) -> Answers:
        if self._answers is None:
            check_cache(self.cache)
            self._answers = Answers(self.source(), self.cache)
        return self._answers

    def _in_place(self, found: Sequence[Found], outcomes: Sequence[Outcome]) -> list[Said]:
        rest = iter(outcomes)
        return [
            sight
            if isinstance(sight, SmolVLMError)
            else {
                look: sight.own
                if sight.own is not None and look == "transcription" and sight.is_read
                else next(rest)
                for look in self._looks
            }
            for sight in found
        ]

    def _attempt(self, read: Callable[..., T], *where: Any) -> T | SmolVLMError:
        try:
            return read(*where)
        except SmolVLMError as error:
            return self._tolerate(error)

    def _tolerate(self, error: SmolVLMError) -> SmolVLMError:
        """The error if it is about one image and one may go on; else it is raised."""
        if self.on_error != "raise" and isinstance(error, (InputError, OutOfMemoryBudget)):
            return error
        raise error


def first_error(said: Said) -> SmolVLMError | None:
    """What went wrong with an image, if anything did."""
    if isinstance(said, SmolVLMError):
        return said
    return next((each for each in said.values() if isinstance(each, SmolVLMError)), None)

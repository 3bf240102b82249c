"""One request, checked: a conversation, how to see its images, how to decode the reply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, cast

from ..checkpoint.config import ImageConfig
from ..errors import BadOptions
from ..images import ImagePolicy, PolicyLike
from ..types import (
    GenerationOptions,
    Message,
    MessageLike,
    OnIncomplete,
    Progress,
    Resolution,
    Task,
)
from .messages import Chosen, parse_messages
from .policy import AnswerPolicy
from .resolution import check_resolution, parse_resolution
from .tasks import parse_task


class Answer(Protocol):
    """A type of answer that is ready for decoding; `constraints` makes them."""

    @property
    def least_tokens(self) -> int:
        """Tokens after the prompt for which there has to be room."""
        ...


TextFrom: TypeAlias = Literal["auto", "model"]
"""Where transcriptions come from; see `RequestOptions`."""


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request.

    Attributes:
        answer: what the reply is constrained to; None for free text.
        text_value: whether the free text is the value that was asked for.
        policy: when its value is handed out.
        images: which images are let in; None for the engine's own policy.
        report: told how far the request has come.
        own_text: whether the text that a document has for a page stands for its transcription.
        grows: whether the reply may become as long as the context allows, as a page needs it;
            `max_new_tokens` is then only what it begins with.
        is_streamed: whether somebody reads its tokens as they come.
        said: tokens of the reply that are there already; the prompt ends with them.
    """

    messages: tuple[Message, ...]
    options: GenerationOptions
    resolution: Resolution
    task: Task | None = None
    cancel: threading.Event | None = None
    answer: Answer | None = None
    text_value: bool = False
    policy: AnswerPolicy = field(default_factory=AnswerPolicy)
    images: ImagePolicy | None = None
    report: Callable[[Progress], None] | None = None
    own_text: bool = True
    grows: bool = False
    is_streamed: bool = False
    said: tuple[int, ...] = ()

    @property
    def least_tokens(self) -> int:
        """Tokens after the prompt for which there has to be room."""
        return self.answer.least_tokens if self.answer else 1

    @property
    def most_tokens(self) -> int:
        """Upper bound on generated tokens; a closed choice may exceed max_new_tokens."""
        return max(self.options.max_new_tokens, self.least_tokens)


class RequestOptions(TypedDict, total=False):
    """Keywords of every asking method.

    Attributes:
        resolution: "auto", "native" or N tiles; the engine's own by default.
        task: what the request is for; it may raise the resolution under "auto".
        pages: which pages of every image that is a document: "1-3,7", "2-", "all" or a number.
            Each becomes an image. Needed where there are several, unless each is read by itself.
        frames: which frames of every video or animation: "auto" (the checkpoint's own: one a
            second, at most 64), a number of them at most, a rate such as "2fps", or "scenes".
        start, end: the part of every video that they are taken from: seconds, or a time as "1:30".
        text: of transcriptions: "auto" (the default: the text layer of a PDF page where it can be
            trusted, else the model) or "model" (always).
        policy: which images are let in, or its name; the engine's own policy by default. Give one
            where others have named the images than whoever loaded the engine had in mind.
        cancel: setting this event ends the request with `Cancelled`.
        answer: what the reply has to be: bool, int, float, str, datetime.date, Literal[...], an
            Enum, a `Rating`, list[str], a pydantic model or another type that pydantic knows, a
            JSON schema, or a constraint of `smolvlm_tools.constraints`.
        on_incomplete: what to do where there is no whole, sure and valid value: "abstain" (the
            default: `value` is None), "raise" (`IncompleteAnswer`), or "complete" (a cut answer
            gets its shortest valid end, flag "completed"; the rest as with "abstain").
        min_confidence: hold the value back where the confidence is below, 0 to 1.
        min_field_confidence: of a JSON answer, make every scalar null whose own confidence is
            below, 0 to 1; where null is not allowed, name it in `unsure_fields`.
        on_progress: called with a `Progress` after every unit of work, on the engine's thread: be
            quick. What it raises ends the request.

    The others are the fields of `GenerationOptions`.
    """

    max_new_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int | None
    stop: str | Sequence[str]
    repetition_guard: bool
    ignore_eos: bool
    logprobs: bool
    resolution: Resolution | None
    task: Task | None
    pages: str | int | None
    frames: str | int | None
    start: str | float | None
    end: str | float | None
    text: TextFrom | None
    policy: PolicyLike | None
    cancel: threading.Event | None
    answer: Any
    on_incomplete: OnIncomplete | None
    min_confidence: float | None
    min_field_confidence: float | None
    on_progress: Callable[[Progress], None] | None


def parse_cancel(cancel: object) -> threading.Event | None:
    """Return `cancel` if it can be asked whether it is set."""
    if cancel is None or callable(getattr(cancel, "is_set", None)):
        return cast("threading.Event | None", cancel)
    raise BadOptions(f"`cancel={cancel!r}` is not an event", "Pass a `threading.Event`.")


def parse_on_progress(report: object) -> Callable[[Progress], None] | None:
    """Return `report` if it can be called, or None."""
    if report is None or callable(report):
        return cast("Callable[[Progress], None] | None", report)
    raise BadOptions(
        f"`on_progress={report!r}` cannot be called", "Pass a function of a `Progress`."
    )


def _check_goes_with_answer(options: GenerationOptions) -> None:
    if options.stop:
        raise BadOptions("a stop text could cut a typed answer", "Leave `stop` or `answer` out.")
    if options.ignore_eos:
        raise BadOptions("a typed answer ends by itself", "Leave `ignore_eos` or `answer` out.")


def parse_options(options: Mapping[str, Any]) -> GenerationOptions:
    """Check generation options given by name.

    Raises:
        BadOptions: an unknown name or an impossible value.
    """
    return GenerationOptions.model_validate(dict(options))


def check_options(options: Mapping[str, Any]) -> None:
    """Check fields of `GenerationOptions` and of a policy, as they stand in `RequestOptions`.

    Raises:
        BadOptions: an unknown name or an impossible value.
    """
    rest = dict(options)
    AnswerPolicy.taken_from(rest)
    parse_options(rest)


def check_request_options(options: Mapping[str, Any]) -> None:
    """Check `RequestOptions` as far as no model is needed for it; `answer` is not looked at.

    Raises:
        BadOptions: an unknown name or an impossible value.
    """
    if not isinstance(cast("object", options), Mapping):
        raise BadOptions(f"options={options!r:.60} are no options", 'Use {"max_new_tokens": 64}.')
    rest = dict(options)
    parse_cancel(rest.pop("cancel", None))
    parse_task(rest.pop("task", None))
    Chosen.taken_from(rest)
    parse_text_from(rest.pop("text", None))
    parse_policy(rest.pop("policy", None))
    parse_on_progress(rest.pop("on_progress", None))
    rest.pop("answer", None)
    wanted = rest.pop("resolution", None)
    if wanted is not None:
        parse_resolution(wanted)
    check_options(rest)


def make_request(
    messages: Sequence[MessageLike],
    options: RequestOptions,
    task: Task | None,
    resolution: Resolution,
    image: ImageConfig | None,
    compile_answer: Callable[[object], Answer | None],
) -> Request:
    """Check all of a request that can be checked without its images.

    Args:
        task: what the method is for; an option of that name wins.
        resolution: where the options have none.
        image: how the model looks at images; None where a server cuts them.
        compile_answer: makes the wished type of answer ready; None where any text will do.

    Raises:
        BadOptions, BadPrompt: see `parse_options`, `parse_messages` and `check_resolution`.
        SchemaNotSupported: the answer's type cannot be enforced.
    """
    rest: dict[str, Any] = dict(options)
    cancel = parse_cancel(rest.pop("cancel", None))
    task = parse_task(rest.pop("task", None)) or task
    wanted = rest.pop("resolution", None)
    wished = rest.pop("answer", None)
    chosen = Chosen.taken_from(rest)
    own_text = parse_text_from(rest.pop("text", None)) == "auto"
    images = parse_policy(rest.pop("policy", None))
    policy = AnswerPolicy.taken_from(rest)
    report = parse_on_progress(rest.pop("on_progress", None))
    parsed = parse_options(rest)
    answer = compile_answer(wished)
    if answer is not None:
        _check_goes_with_answer(parsed)
    return Request(
        messages=chosen.applied_to(parse_messages(messages)),
        options=parsed,
        resolution=check_resolution(resolution if wanted is None else wanted, image),
        task=task,
        cancel=cancel,
        answer=answer,
        text_value=wished is str,
        policy=policy,
        images=images,
        report=report,
        own_text=own_text,
        grows=task == "transcribe" and "max_new_tokens" not in rest,
    )


def each_options(
    count: int, each: Sequence[RequestOptions] | None, common: RequestOptions
) -> list[RequestOptions]:
    """Options of `count` conversations: the common ones and, over them, each one's own."""
    if each is None:
        return [common] * count
    if len(each) != count:
        raise BadOptions(
            f"{len(each)} sets of options for {count} conversations",
            "Give `each` one set for each conversation.",
        )
    return [{**common, **own} for own in each]


def parse_policy(policy: object) -> ImagePolicy | None:
    """Return the policy that is given or named, if one is."""
    return None if policy is None else ImagePolicy.named(policy)


def parse_text_from(text: object) -> TextFrom:
    """Return `text` if it says where transcriptions come from; "auto" for None."""
    if text not in (None, "auto", "model"):
        raise BadOptions(f"`text={text!r}` is unknown", "Use auto or model.")
    return "model" if text == "model" else "auto"

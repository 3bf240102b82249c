"""describe, ask, transcribe and extract: one loop over images, whatever is wished of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from ..errors import BadOptions, OutOfMemoryBudget
from ..machine.amounts import format_bytes
from .console import Answers, clean, note, report, reserve_stdout, working
from .images import each_image, finish
from .options import ModelChoice, parse_resolution
from .process import NO_MODEL

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM
    from ..types import StreamChunk, Usage, VisionResult
    from .wishes import Wish

FIELDS_SHOWN = 10
"""Most fields whose confidence is told; --json has all."""

NOTES = {
    "truncated": "the reply was cut off at its token limit; raise --max-new-tokens",
    "repetition": "the reply began to repeat itself and was stopped",
    "blank_image": "the image is blank; whatever the reply says, it was not seen there",
    "reduced_resolution": "the image was cut coarser to keep to the memory budget",
    "halved_micro_batch": "memory ran out once; fewer tiles at a time were encoded",
    "rejected": "the answer broke a rule of its type",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask of every image, and how to show the answers."""

    wish: Wish
    resolution: str
    max_new_tokens: int | None
    min_confidence: float | None
    as_json: bool
    stream: bool | None

    def options(self) -> dict[str, Any]:
        """Keywords for the engine, checked as far as they can be without a model.

        Raises:
            BadOptions: an impossible value, or --json with --stream.
            BadPrompt: the question is empty.
        """
        from ..prompt.request import parse_min_confidence, parse_options

        if self.as_json and self.stream:
            raise BadOptions("--json and --stream exclude each other", "Leave one of them out.")
        resolution = parse_resolution(self.resolution)
        limits: dict[str, Any] = {}
        if self.max_new_tokens is not None:
            limits["max_new_tokens"] = self.max_new_tokens
        parse_options(limits)
        self.wish.check()
        if self.min_confidence is not None:
            limits["min_confidence"] = parse_min_confidence(self.min_confidence)
        return {"resolution": resolution, "task": self.wish.task, **self.wish.options, **limits}


def answer_images(images: list[str], choice: ModelChoice, asking: Asking) -> None:
    """Answer about each image.

    Raises:
        typer.Exit: an image could not be used, or the reader has gone away.
        SmolVLMError: whatever else went wrong.
    """
    options = asking.options()
    choice.check()
    with reserve_stdout() as answers:
        engine = _Engine(choice)

        def answer(image: str, source: str | bytes) -> dict[str, Any]:
            reply = engine.for_image(source).stream(asking.wish.messages(source), **options)
            heading = f"{clean(image)}:" if len(images) > 1 else None
            return _show(reply, heading, asking, answers).model_dump(mode="json")

        entries = each_image(images, answer)
        engine.close()  # not on Ctrl-C: nobody should wait for the token being computed
        finish(answers, entries, asking.as_json)


class _Engine:
    """The model, loaded when an image is there to be looked at."""

    def __init__(self, choice: ModelChoice) -> None:
        self._choice = choice
        self._loaded: SmolVLM | None = None

    def for_image(self, source: str | bytes) -> SmolVLM:
        """The model; a broken image does not cost its download."""
        from ..images import load_image

        if self._loaded is None:
            load_image(source)
            try:
                with self._choice.loading():
                    self._loaded = self._choice.load()
            except OutOfMemoryBudget as error:  # of no image: the next would meet it, too
                report(error)
                raise typer.Exit(NO_MODEL) from None
        return self._loaded

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()


def _show(
    reply: Iterator[StreamChunk], heading: str | None, asking: Asking, answers: Answers
) -> VisionResult:
    """Print a reply, as it comes or whole, and what is to be said about it."""
    streaming = answers.is_terminal if asking.stream is None else asking.stream
    with working("looking"):
        chunk = next(reply)
    if heading and not asking.as_json:
        answers.line(heading)
    while chunk.result is None:
        if streaming and not asking.as_json:
            answers.write(chunk.text)
        chunk = next(reply)
    result = chunk.result
    if not asking.as_json:
        text = "" if result.abstained else result.text
        answers.line(chunk.text if streaming else text)
    if result.abstained:
        note(f"note: abstained, as the confidence is only {result.confidence:.2f}")
    for flag in result.flags:
        note(f"note: {NOTES[flag]}")
    if not asking.as_json:
        if result.field_confidence:
            note(_fields(result.field_confidence))
        note(_cost(result))
    return result


def _fields(confidence: Mapping[str, float]) -> str:
    """The confidence of every field, or of the least certain ones where there are many."""
    shown, intro = list(confidence.items()), "confidence of each field: "
    if len(shown) > FIELDS_SHOWN:
        shown = sorted(shown, key=lambda field: field[1])[:FIELDS_SHOWN]
        intro = f"least certain of {len(confidence)} fields: "
    return intro + ", ".join(f"{clean(name)} {value:.2f}" for name, value in shown)


def _cost(result: VisionResult) -> str:
    usage = result.usage
    return (
        f"{usage.tiles} tiles, {usage.prompt_tokens} tokens in, {usage.completion_tokens} out, "
        f"{usage.seconds.total:.2f} s, {_memory(usage)}confidence {result.confidence:.2f} "
        f"({result.model}, {result.backend} {result.precision} on {result.device})"
    )


def _memory(usage: Usage) -> str:
    """The peak of memory, where it was measured."""
    return "" if usage.peak_bytes is None else f"{format_bytes(usage.peak_bytes)} at its peak, "

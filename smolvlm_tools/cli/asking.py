"""describe, ask, transcribe and extract: one loop over the images, whatever the task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

import typer

from ..errors import OutOfMemoryBudget
from ..images import load_image
from ..machine.amounts import format_bytes
from .console import Answers, clean, note, report, reserve_stdout, working
from .image_task import ImageTask
from .images import each_image, finish
from .incomplete import TOLD_BY_REASON, why_incomplete
from .options import AnswerOptions, ModelChoice
from .process import NO_MODEL

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM
    from ..types import StreamChunk, VisionResult

FIELDS_SHOWN = 10
"""Most fields whose confidence is shown; --json has all."""

NOTES = {
    "truncated": "the reply was cut off at its token limit; raise --max-new-tokens",
    "repetition": "the reply began to repeat itself and was stopped",
    "blank_image": "the image is blank; whatever the reply describes is not in it",
    "reduced_resolution": "the image was cut into fewer tiles to stay within the memory budget",
    "halved_micro_batch": "memory ran out once; tiles were then encoded in smaller batches",
    "rejected": "the answer broke a rule of its type",
    "completed": "the end of the value was made up to fit its type; the model did not write it",
}


class AnswerImage(Protocol):
    """Answers about an image and shows the answer."""

    def __call__(
        self, engine: SmolVLM, source: str | bytes, name: str | None, answers: Answers, /
    ) -> tuple[dict[str, Any], bool]:
        """Return JSON data, and whether an answer has no value; `name` is there among several."""
        ...


def answer_images(
    images: list[str], task: ImageTask, choice: ModelChoice, options: AnswerOptions
) -> None:
    """Answer about each image.

    Raises:
        typer.Exit: an image could not be used, or the reader has gone away.
    """
    wanted: dict[str, Any] = {"task": task.task, **options.for_engine()}
    if task.answer is not None:
        wanted["answer"] = task.answer
    task.messages("")  # a mistake in the wording must not cost loading a model

    def answer(
        engine: SmolVLM, source: str | bytes, name: str | None, answers: Answers
    ) -> tuple[dict[str, Any], bool]:
        result = _show(engine.stream(task.messages(source), **wanted), name, options, answers)
        return result.model_dump(mode="json"), result.abstained

    answer_each(images, choice, options, answer)


def answer_each(
    images: list[str], choice: ModelChoice, options: AnswerOptions, answer: AnswerImage
) -> None:
    """Load the model for the first image that is whole, and answer about each.

    Raises:
        typer.Exit: an image could not be used, an answer has no value, or the reader is gone.
    """
    choice.check()
    engine = cast("SmolVLM | None", None)  # cast, as pyright does not see `use` set it
    abstained = False
    with reserve_stdout() as answers:

        def use(image: str, source: str | bytes) -> dict[str, Any]:
            nonlocal engine, abstained
            if engine is None:
                load_image(source)  # a broken image must not cost a download
                engine = _load(choice)
            name = clean(image) if len(images) > 1 else None
            entry, without_value = answer(engine, source, name, answers)
            abstained |= without_value
            return entry

        entries = each_image(images, use)
        if engine is not None:  # left open on Ctrl-C: closing waits for the token being computed
            engine.close()
        incomplete = abstained and not options.may_abstain
        finish(answers, entries, options.as_json, incomplete=incomplete)


def _load(choice: ModelChoice) -> SmolVLM:
    """Load the model; a budget that is too small for it ends the command."""
    try:
        return choice.load()
    except OutOfMemoryBudget as error:  # not the image's fault: the next would meet it, too
        report(error)
        raise typer.Exit(NO_MODEL) from None


def _show(
    reply: Iterator[StreamChunk], name: str | None, options: AnswerOptions, answers: Answers
) -> VisionResult:
    """Print a reply under its image's name, at once or as it comes, and the notes about it."""
    streaming = options.streams(answers.is_terminal)
    with working("looking"):
        chunk = next(reply)
    if name and not options.as_json:
        answers.line(f"{name}:")
    while chunk.result is None:
        if streaming:
            answers.write(chunk.text)
        chunk = next(reply)
    result = chunk.result
    if streaming:
        answers.line(chunk.text)
    elif not options.as_json and (not result.abstained or options.may_abstain):
        answers.line(words(result))
    _tell(result, name, options)
    return result


def words(result: VisionResult) -> str:
    """What is printed of a result: the model's words, unless a field has become null."""
    if result.abstained:
        return ""
    if result.field_confidence is None or result.value == json.loads(result.text):
        return result.text
    return json.dumps(result.value, ensure_ascii=False)


def _tell(result: VisionResult, name: str | None, options: AnswerOptions) -> None:
    """Say on stderr what a reader should know about a result."""
    if result.abstained:
        why = why_incomplete(result) if name is None else f"{name}: {why_incomplete(result)}"
        if options.may_abstain:
            note(f"note: {why}")
        else:
            report(why)
    for flag in result.flags:
        if not (result.abstained and flag in TOLD_BY_REASON):
            note(f"note: {NOTES[flag]}")
    if result.unsure_fields:
        note(f"note: unsure, but may not be null: {', '.join(map(clean, result.unsure_fields))}")
    if not options.as_json:
        if isinstance(result.value, float) and result.probabilities:
            note(f"expected level {result.value:.2f}")
        if result.field_confidence:
            note(_fields(result.field_confidence))
        note(_cost(result))


def _fields(confidence: Mapping[str, float]) -> str:
    """The confidence of every field, or of the least certain ones where there are many."""
    shown, intro = list(confidence.items()), "confidence of each field: "
    if len(shown) > FIELDS_SHOWN:
        shown = sorted(shown, key=lambda field: field[1])[:FIELDS_SHOWN]
        intro = f"least certain of {len(confidence)} fields: "
    return intro + ", ".join(f"{clean(name)} {value:.2f}" for name, value in shown)


def _cost(result: VisionResult) -> str:
    usage = result.usage
    memory = ""
    if usage.peak_bytes is not None:
        memory = f"{format_bytes(usage.peak_bytes)} at its peak, "
    return (
        f"{usage.tiles} tiles, {usage.prompt_tokens} tokens in, {usage.completion_tokens} out, "
        f"{usage.seconds.total:.2f} s, {memory}confidence {result.confidence:.2f} "
        f"({result.model}, {result.backend} {result.precision} on {result.device})"
    )

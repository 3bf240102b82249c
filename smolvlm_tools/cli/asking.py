"""describe, ask and transcribe: one loop over images, three wordings."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import typer

from ..errors import BadOptions, InputError
from ..types import Task, VisionResult
from .console import BAD_INPUT, note, print_json, report, stdout, working
from .options import ModelChoice, parse_resolution, read_source

NOTES = {
    "truncated": "the reply was cut off at its token limit: raise --max-new-tokens",
    "repetition": "the reply began to repeat itself and was stopped",
    "blank_image": "the image is blank: what is said about it is not seen in it",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask of every image, and how to show the answers."""

    task: Task
    question: str
    resolution: str
    max_new_tokens: int | None
    as_json: bool
    stream: bool | None


def answer_images(images: list[str], choice: ModelChoice, asking: Asking) -> None:
    """Answer about each image; one broken image does not keep the others from theirs.

    Raises:
        typer.Exit: with code 3 when an image of several could not be used.
        SmolVLMError: whatever else went wrong.
    """
    from ..engine import SmolVLM

    if asking.as_json and asking.stream:
        raise BadOptions("--json and --stream exclude each other", "Leave one of them out.")
    options: dict[str, Any] = {"resolution": parse_resolution(asking.resolution)}
    if asking.max_new_tokens is not None:
        options["max_new_tokens"] = asking.max_new_tokens
    with working(f"loading {choice.model}"):
        vlm = SmolVLM.load(
            choice.model,
            revision=choice.revision,
            backend=choice.backend,
            precision=choice.precision,
            device=choice.device,
            local_files_only=choice.offline,
        )
    with vlm:
        answers = [_answer(vlm, image, asking, options, len(images) > 1) for image in images]
    if asking.as_json:
        print_json(answers if len(images) > 1 else answers[0])
    if any("error" in answer for answer in answers):
        raise typer.Exit(BAD_INPUT)


def _answer(
    vlm: Any, image: str, asking: Asking, options: dict[str, Any], several: bool
) -> dict[str, Any]:
    """One image's result as JSON data; among several, a bad image becomes an "error" entry."""
    from ..tasks import task_messages

    messages = task_messages(read_source(image), asking.task, asking.question)
    if several and not asking.as_json:
        stdout.print(f"{image}:", style="bold", markup=False, soft_wrap=True)
    try:
        with working(f"looking at {image}"):
            reply = vlm.stream(messages, task=asking.task, **options)
            chunk = next(reply)
        result = _print_reply(chunk, reply, asking)
    except InputError as error:
        if not several:
            raise
        report(error)
        return {"image": image, "error": {"code": error.code, "reason": error.reason}}
    _print_cost(result)
    return result.model_dump(mode="json")


def _print_reply(chunk: Any, reply: Any, asking: Asking) -> VisionResult:
    streaming = asking.stream if asking.stream is not None else sys.stdout.isatty()
    show = streaming and not asking.as_json
    while chunk.result is None:
        if show:
            typer.echo(chunk.text, nl=False)
        chunk = next(reply)
    if show:
        typer.echo(chunk.text)
    elif not asking.as_json:
        typer.echo(chunk.result.text)
    return chunk.result


def _print_cost(result: VisionResult) -> None:
    usage = result.usage
    for flag in result.flags:
        note(f"note: {NOTES[flag]}")
    note(
        f"{usage.tiles} tiles, {usage.prompt_tokens} + {usage.completion_tokens} tokens, "
        f"{usage.seconds.total:.2f} s, confidence {result.confidence:.2f} "
        f"({result.model}, {result.backend} {result.precision} on {result.device})"
    )

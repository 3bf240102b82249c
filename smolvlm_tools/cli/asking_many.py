"""ask --questions: all questions of a file about each image, which is looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ..errors import BadOptions
from ..images import load_image
from ..prompt.questions import Ask, naming, parse_questions
from ..prompt.tasks import ask_messages
from ..types import VisionResult
from .asking import NOTES, load_engine
from .console import Answers, clean, note, reserve_stdout, working
from .images import each_image, finish
from .options import AnswerOptions, ModelChoice

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM


def answer_questions(
    images: list[str],
    questions: Mapping[str, Ask],
    context: str | None,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Answer all questions about each image.

    Raises:
        BadOptions, BadPrompt: a question or an option is wrong.
        typer.Exit: an image could not be used, or the reader has gone away.
    """
    if options.stream:
        raise BadOptions("--questions does not go with --stream", "Leave one of them out.")
    wanted: dict[str, Any] = {"context": context, **options.for_engine()}
    for name, asked in parse_questions(questions).items():  # must not cost loading a model
        with naming(name):
            ask_messages("", asked.question, asked.context or context)
    choice.check()
    engine = cast("SmolVLM | None", None)  # cast, as pyright does not see `answer` set it
    with reserve_stdout() as answers:

        def answer(image: str, source: str | bytes) -> dict[str, Any]:
            nonlocal engine
            if engine is None:
                load_image(source)  # a broken image must not cost a download
                engine = load_engine(choice)
            with working("looking"):
                results = engine.ask_many(source, questions, **wanted)
            if not options.as_json:
                heading = f"{clean(image)}:" if len(images) > 1 else None
                _show(results, heading, answers)
            return {name: result.model_dump(mode="json") for name, result in results.items()}

        entries = each_image(images, answer)
        if engine is not None:  # left open on Ctrl-C: closing waits for the token being computed
            engine.close()
        finish(answers, entries, options.as_json)


def _show(results: Mapping[str, VisionResult], heading: str | None, answers: Answers) -> None:
    """Print a line for each answer, and on stderr how sure the model was."""
    if heading:
        answers.line(heading)
    for name, result in results.items():
        answers.line(f"{clean(name)}: {_on_a_line(result)}".rstrip())
        why = ", ".join(NOTES[flag] for flag in result.flags)
        held = "abstained, " if result.abstained else ""
        worth = f"{held}confidence {result.confidence:.2f}"
        note(f"{clean(name)}: {worth}{f' ({why})' if why else ''}")


def _on_a_line(result: VisionResult) -> str:
    if result.abstained:
        return ""
    if isinstance(result.value, float) and result.probabilities:  # a rating
        return f"{result.value:.2f}"
    return "; ".join(result.text.splitlines())

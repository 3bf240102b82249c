"""ask --questions: all questions of a file about each image, which is looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import BadOptions
from ..prompt.questions import Ask, naming, parse_questions
from ..prompt.tasks import ask_messages
from ..types import VisionResult
from .asking import NOTES, answer_each, words
from .console import Answers, clean, note, report, working
from .incomplete import TOLD_BY_REASON, why_incomplete
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

    def answer(
        engine: SmolVLM, source: str | bytes, name: str | None, answers: Answers
    ) -> tuple[dict[str, Any], bool]:
        with working("looking"):
            results = engine.ask_many(source, questions, **wanted)
        _show(results, name, options, answers)
        entry = {name: result.model_dump(mode="json") for name, result in results.items()}
        return entry, any(result.abstained for result in results.values())

    answer_each(images, choice, options, answer)


def _show(
    results: Mapping[str, VisionResult], image: str | None, options: AnswerOptions, answers: Answers
) -> None:
    """Print a line for each answer, and on stderr how sure the model was."""
    if image and not options.as_json:
        answers.line(f"{image}:")
    for name, result in results.items():
        shown = clean(name)
        if not options.as_json and (not result.abstained or options.may_abstain):
            answers.line(f"{shown}: {_on_a_line(result)}".rstrip())
        if result.abstained:
            (note if options.may_abstain else report)(f"{shown}: {why_incomplete(result)}")
        notes = [NOTES[f] for f in result.flags if not (result.abstained and f in TOLD_BY_REASON)]
        notes += [f"unsure: {clean(field)}" for field in result.unsure_fields]
        if notes or not options.as_json:
            about = f" ({', '.join(notes)})" if notes else ""
            note(f"{shown}: confidence {result.confidence:.2f}{about}")


def _on_a_line(result: VisionResult) -> str:
    if isinstance(result.value, float) and result.probabilities:  # a rating
        return f"{result.value:.2f}"
    return "; ".join(words(result).splitlines())

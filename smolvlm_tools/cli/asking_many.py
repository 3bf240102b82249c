"""ask --questions: all questions of a file about each image, which is looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import BadOptions
from ..images import EncodedImage
from ..prompt.questions import Ask, naming, parse_questions
from ..prompt.tasks import ask_messages
from ..types import VisionResult
from .asking import AT_ONCE, Asking, Say, answer_each
from .console import Answers, clean, note, report
from .incomplete import TOLD_BY_REASON, why_incomplete
from .options import AnswerOptions, ModelChoice
from .page_options import PageOptions
from .showing import NOTES, words

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM


def answer_questions(
    images: list[str],
    questions: Mapping[str, Ask],
    context: str | None,
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Answer all questions about each image or page.

    Raises:
        BadOptions, BadPrompt: a question or an option is wrong.
        typer.Exit: an image could not be used, or the reader has gone away.
    """
    if options.stream:
        raise BadOptions("--questions does not go with --stream", "Leave one of them out.")
    wanted: dict[str, Any] = {"context": context, **options.for_engine(), **pages.of_video}
    for name, asked in parse_questions(questions).items():  # must not cost loading a model
        with naming(name):
            ask_messages("", asked.question, asked.context or context)

    def ask(
        engine: SmolVLM, source: EncodedImage, watch: dict[str, Any], say: Say | None
    ) -> dict[str, VisionResult]:
        return engine.ask_many(source, questions, **wanted, **watch)

    def show(
        results: dict[str, VisionResult], name: str | None, answers: Answers
    ) -> tuple[dict[str, Any], bool]:
        _print(results, name, options, answers)
        told = {name: result.model_dump(mode="json") for name, result in results.items()}
        return {"answers": told}, any(result.abstained for result in results.values())

    asking = Asking(ask, show, at_once=max(1, AT_ONCE // len(questions)))
    answer_each(images, pages, choice, options, asking)


def _print(
    results: Mapping[str, VisionResult], image: str | None, options: AnswerOptions, answers: Answers
) -> None:
    """Print a line for each answer, and on stderr how sure the model was."""
    if image and not options.in_json:
        answers.line(f"{image}:")
    for name, result in results.items():
        shown = clean(name)
        if not options.in_json and (not result.abstained or options.may_abstain):
            answers.line(f"{shown}: {_on_a_line(result)}".rstrip())
        if result.abstained:
            (note if options.may_abstain else report)(f"{shown}: {why_incomplete(result)}")
        notes = [NOTES[f] for f in result.flags if not (result.abstained and f in TOLD_BY_REASON)]
        notes += [f"unsure: {clean(field)}" for field in result.unsure_fields]
        if notes or not options.in_json:
            about = f" ({', '.join(notes)})" if notes else ""
            note(f"{shown}: confidence {result.confidence:.2f}{about}")


def _on_a_line(result: VisionResult) -> str:
    if isinstance(result.value, float) and result.probabilities:  # a rating
        return f"{result.value:.2f}"
    return "; ".join(words(result).splitlines())

"""Many questions about the same images: checked together, answered on one look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..prompt.questions import Ask, naming
from ..prompt.request import Request, RequestOptions, parse_on_progress
from ..prompt.tasks import Images, ask_messages
from ..types import Message, Progress, Stage, VisionResult
from .reply import ReplyStream

MakeRequest = Callable[[tuple[Message, ...], RequestOptions], Request]


def make_requests(
    make: MakeRequest,
    images: Images,
    questions: Mapping[str, Ask],
    context: str | None,
    common: RequestOptions,
) -> dict[str, Request]:
    """Check every question; the first that is wrong is raised, under its name."""
    reports = _reports(common, len(questions))
    requests: dict[str, Request] = {}
    for (name, asked), report in zip(questions.items(), reports, strict=True):
        with naming(name):
            about = context if asked.context is None else asked.context
            messages = ask_messages(images, asked.question, about)
            requests[name] = make(messages, {**common, **asked.options, "on_progress": report})
    return requests


@dataclass(frozen=True, slots=True)
class NamedReply:
    """A reply whose failures name its question."""

    name: str
    reply: ReplyStream

    def result(self) -> VisionResult:
        with naming(self.name):
            return self.reply.result()

    def close(self) -> None:
        self.reply.close()


def _reports(
    common: RequestOptions, questions: int
) -> list[Callable[[Progress], None]] | list[None]:
    """What each question reports its progress to."""
    report = parse_on_progress(common.get("on_progress"))
    if report is None:
        return [None] * questions
    totals = _Totals(report, questions)
    return [partial(totals.take, number) for number in range(questions)]


class _Totals:
    """Adds the progress of several questions up, so that their caller sees one request.

    "preprocess" and "vision" are those of the look; "prefill" counts the questions whose prompt is
    read, "decode" the tokens of all replies.
    """

    def __init__(self, report: Callable[[Progress], None], questions: int) -> None:
        self._report, self._questions = report, questions
        self._last: dict[Stage, Progress] = {}
        self._read: set[int] = set()
        self._said: dict[int, Progress] = {}

    def take(self, question: int, progress: Progress) -> None:
        """Report where all questions are, now that one has come so far."""
        if progress.stage == "prefill":
            if progress.done:
                self._read.add(question)
            progress = Progress(stage="prefill", done=len(self._read), total=self._questions)
        elif progress.stage == "decode":
            self._said[question] = progress
            said = self._said.values()
            unknown = self._questions - len(said)
            most = sum(each.total for each in said) + unknown * max(each.total for each in said)
            progress = Progress(stage="decode", done=sum(each.done for each in said), total=most)
        last = self._last.get(progress.stage)
        if last is None or progress.done > last.done:
            self._last[progress.stage] = progress
            self._report(progress)

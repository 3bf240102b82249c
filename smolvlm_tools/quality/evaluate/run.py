"""`evaluate`: choose samples, ask, score, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import BadOptions
from ...prompt.request import RequestOptions
from ...types import GenerationOptions, Resolution
from .answering import Asking, answer_each
from .data import Data, DataWish, open_data
from .kept import KeptAnswer, KeptAnswers
from .prompts import Opens
from .report import Answered, EvaluationReport, Published, categories_of, score_of
from .samples import Sample
from .tasks import BENCHMARKS, HARNESS, NOT_OPENED, published_score

if TYPE_CHECKING:
    from ...engine.smolvlm import SmolVLM

WORST = 12
"""How many of the lowest scores a report shows."""

Tick = Callable[[int, int, int], None]
"""Called after every sample, with how many are done, of how many, and the errors so far."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How samples are chosen and asked.

    Attributes:
        limit: how many samples are asked about, drawn by `seed`; None for all.
        seed: of the choice of samples, and of the intervals.
        concurrency: most replies that are decoded together; the engine's `batch_size` bounds it.
        resolution: how images are cut; None for "native" with a benchmark, as behind the card's
            scores, and for the engine's own with a user's file.
        max_new_tokens: longest reply.
    """

    limit: int | None = None
    seed: int = 0
    concurrency: int = 8
    resolution: Resolution | None = None
    max_new_tokens: int = 512

    def check(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            BadOptions: one does not.
        """
        for name, least in (("limit", 1), ("seed", 0), ("concurrency", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadOptions(f"the {name} is {value}", f"Use {least} or more.")
        GenerationOptions(max_new_tokens=self.max_new_tokens)


def evaluate(
    engine: SmolVLM,
    task: str | Path | DataWish | Data,
    options: EvaluationOptions | None = None,
    *,
    out: Path | None = None,
    tick: Tick = lambda done, total, errors: None,
) -> EvaluationReport:
    """Ask a model about the samples of a benchmark or of a user's file, and score its replies.

        >>> from smolvlm_tools import SmolVLM
        >>> from smolvlm_tools.quality.evaluate import EvaluationOptions, evaluate
        >>> with SmolVLM.load("embedded") as vlm:
        ...     report = evaluate(vlm, "my-images", EvaluationOptions(limit=100))
        >>> print(f"{report.score:.1f} ({report.interval.low:.1f} to {report.interval.high:.1f})")
        66.7 (0.0 to 100.0)

    Args:
        engine: greedy, its replies are those of `ask`.
        task: name of a benchmark, a file, or a `DataWish` that says more; or what `open_data`
            made of one, which saves reading it twice.
        out: folder in which answers are kept as they come, for a run that is broken off; None
            keeps none.
        tick: told after every sample.

    Raises:
        BadOptions: the task, an option or a file of it is wrong; or the folder has answers of
            another model, task or options.
        FetchFailed, ModelError: the data cannot be fetched, or the engine fails.
        Busy: another run uses the folder.
        StoreFull: answers cannot be kept.
    """
    options = options or EvaluationOptions()
    options.check()
    if isinstance(task, (str, Path)):
        task = DataWish(str(task))
    data = open_data(task) if isinstance(task, DataWish) else task
    run = _Run(engine, data, options)
    with _kept(out, run.depends) as kept:
        known = dict(kept.answers) if kept else {}
        known = {number: each for number, each in known.items() if each.error is None}
        found = known | run.ask([n for n in run.chosen if n not in known], kept, len(known), tick)
    return run.report([found[number] for number in run.chosen])


def choose(available: int, limit: int | None, seed: int) -> list[int]:
    """Numbers of the samples that are asked about, rising."""
    if limit is None or limit >= available:
        return list(range(available))
    rng = np.random.default_rng(seed)
    return sorted(map(int, rng.choice(available, limit, replace=False)))


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation on its way."""

    engine: SmolVLM
    data: Data
    options: EvaluationOptions

    @property
    def chosen(self) -> list[int]:
        return choose(len(self.data.source), self.options.limit, self.options.seed)

    @property
    def resolution(self) -> Resolution:
        own = self.engine.identity.resolution
        if self.options.resolution is not None:
            return self.options.resolution
        if self.is_remote:  # a server cuts the images itself
            return own
        return self.data.task.resolution or own

    @property
    def is_remote(self) -> bool:
        return self.engine.identity.backend == "remote"

    @property
    def opens(self) -> Opens | None:
        """Servers are not held to how a reply begins: many cannot be."""
        return None if self.is_remote else self.data.task.opens

    @property
    def depends(self) -> dict[str, Any]:
        """What answers depend on."""
        return {
            "model": self.engine.identity.model_dump(),
            "task": self.data.task.name,
            "metric": self.data.task.metric,
            "data": self.data.source.digest,
            "limit": self.options.limit,
            "seed": self.options.seed,
            "resolution": self.resolution,
            "max_new_tokens": self.options.max_new_tokens,
        }

    @property
    def differences(self) -> tuple[str, ...]:
        """From the harness behind the card; of a user's own file, how replies are judged."""
        found = self.data.task.differences
        if self.data.task.name not in BENCHMARKS:
            return found
        most = self.options.max_new_tokens
        if self.is_remote and self.data.task.opens:
            found = (*found, NOT_OPENED)
        return (
            *found,
            f"{HARNESS} computes in fp32, lets replies have 2048 tokens and go round in loops; "
            f"here {self.engine.identity.precision}, {most} tokens, and a loop is ended",
        )

    def ask(
        self, numbers: Sequence[int], kept: KeptAnswers | None, known: int, tick: Tick
    ) -> dict[int, KeptAnswer]:
        """Answers to the samples that have none yet."""
        request: RequestOptions = {
            "max_new_tokens": self.options.max_new_tokens,
            "resolution": self.resolution,
            "temperature": 0.0,
        }
        asking = Asking(self.data.task.prompt, request, self.options.concurrency, self.opens)
        found: dict[int, KeptAnswer] = {}
        errors = 0
        with closing(answer_each(self.engine, self.read(numbers), asking)) as answers:
            for answer in answers:
                if kept:
                    kept.put(answer)
                found[answer.number] = answer
                errors += answer.error is not None
                tick(known + len(found), known + len(numbers), errors)
        return found

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, Sample]]:
        """The samples of these numbers, each with an id."""
        for number, sample in zip(numbers, self.data.source.read(numbers), strict=True):
            yield number, sample if sample.id else replace(sample, id=str(number))

    def report(self, answers: Sequence[KeptAnswer]) -> EvaluationReport:
        answered = list(self._scored(answers))
        task, source, identity = self.data.task, self.data.source, self.engine.identity
        seed, digest = self.options.seed, source.digest
        score, interval = score_of(answered, seed)
        worst = sorted(answered, key=lambda each: (each.error is None, each.score, each.number))
        failures = tuple(each for each in answered if each.error)
        # What a server runs behind a name is not known.
        card = None if self.is_remote else published_score(identity.model, task.name)
        return EvaluationReport(
            task=task.name,
            data=self.data.title,
            data_digest=digest,
            metric=task.metric,
            model=identity.model,
            revision=identity.revision,
            backend=identity.backend,
            precision=identity.precision,
            resolution=self.resolution,
            max_new_tokens=self.options.max_new_tokens,
            seed=seed,
            samples=len(answered),
            available=len(source),
            left_out=source.left_out,
            errors=len(failures),
            points=task.points,
            score=score,
            interval=interval,
            categories=categories_of(answered, seed),
            published=None
            if card is None
            else Published(score=card, harness=HARNESS, same_data=digest == task.md5),
            differences=self.differences,
            worst=tuple(each for each in worst[:WORST] if each.score < 1),
            failures=failures,
        )

    def _scored(self, answers: Sequence[KeptAnswer]) -> Iterator[Answered]:
        numbers = [answer.number for answer in answers]
        for answer, (number, sample) in zip(answers, self.read(numbers), strict=True):
            reply = answer.reply
            yield Answered(
                number=number,
                id=sample.id,
                question=sample.question,
                answers=sample.answers,
                category=sample.category,
                reply=reply,
                score=0.0 if reply is None else self.data.task.score(reply, sample),
                error=answer.error,
            )


def _kept(out: Path | None, depends: dict[str, Any]) -> Any:
    return nullcontext() if out is None else KeptAnswers(out, depends)

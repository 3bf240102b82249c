"""A folder of questions with right answers (`tasks.jsonl` and images), and a model's scores on it.

One JSON object a line:

    {"image": "till.png", "task": "ask", "question": "What is the total?", "answer": "4.50",
     "metric": "exact"}

`task` is ask, describe or transcribe (only ask needs a question), `metric` exact, f1 or cer (see
`metrics`), `image` a path inside the folder. `pattern` is a regular expression for what f1 counts
instead of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from ..engine.smolvlm import SmolVLM
from ..errors import BadOptions, SmolVLMError
from ..prompt.request import RequestOptions
from ..prompt.tasks import task_messages
from ..types import Message, Task
from .metrics import WORDS, Metric, loss, score

FILE = "tasks.jsonl"
SHIPPED = Path(__file__).parent / "data" / "embedded"
"""Held-out pictures of the embedded checkpoint's own kind: shapes and print."""

MAX_NEW_TOKENS = 128
_FORM = "See smolvlm_tools/quality/tasks.py for the form of a line."


class Sample(BaseModel):
    """One question about one image, and how the reply is scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: Path
    task: Task
    question: str = ""
    answer: str
    metric: Metric
    pattern: str = WORDS

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return pattern

    @model_validator(mode="after")
    def _check_texts(self) -> Sample:
        if self.task == "ask" and not self.question.strip():
            raise ValueError("a task 'ask' needs a question")
        if self.metric == "cer" and not self.answer:
            raise ValueError("an empty answer has no character error rate (cer)")
        return self

    @property
    def messages(self) -> tuple[Message, ...]:
        return task_messages(self.image, self.task, self.question)

    @property
    def group(self) -> tuple[Task, Metric, str]:
        """Samples of the same kind are scored together."""
        return self.task, self.metric, self.pattern


@dataclass(frozen=True, slots=True)
class TaskScore:
    """A model's score on all samples of one kind, beside the reference's.

    Attributes:
        loss: how much worse the model is; negative where it is better.
    """

    task: Task
    metric: Metric
    samples: int
    score: float
    reference: float
    loss: float

    @property
    def name(self) -> str:
        return f"{self.task}, {self.metric}"


def read_tasks(folder: Path) -> list[Sample]:
    """The samples of a folder, in the file's order.

    Raises:
        BadOptions: the file is missing, or one of its lines, named by number, is not a task.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadOptions(
            f"the tasks in {folder} cannot be read ({error})",
            f"Name a folder with a {FILE} that has one JSON object a line. {_FORM}",
        ) from error
    found = [_sample(folder, at, line) for at, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise BadOptions(f"{folder / FILE} has no tasks", _FORM)
    return found


def answer_tasks(vlm: SmolVLM, samples: Sequence[Sample]) -> list[str]:
    """A model's greedy replies, eight at a time."""
    replies: list[str] = []
    for start in range(0, len(samples), 8):
        few = samples[start : start + 8]
        each = [RequestOptions(task=sample.task) for sample in few]
        results = vlm.batch(
            [sample.messages for sample in few], each=each, max_new_tokens=MAX_NEW_TOKENS
        )
        for result in results:
            if isinstance(result, SmolVLMError):  # `batch` raises instead, unless asked not to
                raise result
            replies.append(result.text.strip())
    return replies


def score_tasks(
    samples: Sequence[Sample], reference: Iterable[str], replies: Iterable[str]
) -> list[TaskScore]:
    """Score two models' replies, kind by kind, in the order in which kinds first come."""
    rows = list(zip(samples, reference, replies, strict=True))
    scores: list[TaskScore] = []
    for group in dict.fromkeys(sample.group for sample in samples):
        task, metric, pattern = group
        mine = [row for row in rows if row[0].group == group]
        before = score(metric, [(said, sample.answer) for sample, said, _ in mine], pattern)
        after = score(metric, [(said, sample.answer) for sample, _, said in mine], pattern)
        worse = loss(metric, before, after)
        scores.append(TaskScore(task, metric, len(mine), after, before, worse))
    return scores


def _sample(folder: Path, number: int, line: str) -> Sample:
    try:
        sample = Sample.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        if first["type"] == "literal_error":
            problem += f", not {first['input']!r}"
        raise BadOptions(f"line {number} of {FILE} is not a task: {problem}", _FORM) from error
    return sample.model_copy(update={"image": folder / sample.image})

"""A folder of questions with right answers (`tasks.jsonl` and images), and a model's scores on it.

One JSON object a line:

    {"image": "till.png", "task": "ask", "question": "What is the total?", "answer": "4.50",
     "metric": "exact"}

`task` is ask, describe or transcribe (the last two need no question), `metric` exact, f1 or cer
(`metrics` says what they count), `image` a path inside the folder. `pattern` says what f1 counts
instead of words: a regular expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.smolvlm import SmolVLM
from ..errors import BadOptions, SmolVLMError
from ..images import ImagePolicy
from ..prompt.request import RequestOptions
from ..prompt.tasks import TASKS, task_messages
from ..types import Message, Task
from .metrics import METRICS, WORDS, loss, score

FILE = "tasks.jsonl"
SHIPPED = Path(__file__).parent / "data" / "embedded"
"""Held-out pictures of the embedded checkpoint's own kind: shapes and print."""

MAX_NEW_TOKENS = 128
_KEYS = {"image", "task", "question", "answer", "metric", "pattern"}
_FORM = "See smolvlm_tools/quality/tasks.py for the form of a line."


@dataclass(frozen=True, slots=True)
class Sample:
    """One question about one image, and how the reply is scored."""

    image: Path
    task: Task
    question: str
    answer: str
    metric: str
    pattern: str

    @property
    def messages(self) -> tuple[Message, ...]:
        return task_messages(self.image, self.task, self.question)

    @property
    def group(self) -> tuple[str, str, str]:
        """Samples of the same kind are scored together."""
        return self.task, self.metric, self.pattern


@dataclass(frozen=True, slots=True)
class TaskScore:
    """How a model does on all samples of one kind, beside the reference.

    Attributes:
        task: ask, describe or transcribe.
        metric: exact, f1 or cer.
        samples: how many.
        score, reference: of the model and of the reference.
        loss: by how much the model is worse; negative where it is better.
    """

    task: str
    metric: str
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
        BadOptions: no such folder or file, or a line that is not a sample; it names the line.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadOptions(
            f"the tasks in {folder} cannot be read ({error})",
            f"Name a folder with a {FILE}, one JSON object a line. {_FORM}",
        ) from error
    found = [_sample(folder, at, line) for at, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise BadOptions(f"{folder / FILE} holds no tasks", _FORM)
    return found


def policy_for(folder: Path) -> ImagePolicy:
    """Images of a task folder lie inside it."""
    return ImagePolicy(allow_urls=False, allowed_roots=(folder.resolve(),))


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
        row = TaskScore(task, metric, len(mine), after, before, loss(metric, before, after))
        scores.append(row)
    return scores


def _sample(folder: Path, number: int, line: str) -> Sample:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise _bad(number, f"is not JSON ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _bad(number, "is not an object of texts")
    values: dict[str, Any] = found
    missing = {"image", "task", "answer", "metric"} - set(values)
    unknown = set(values) - _KEYS
    if missing or unknown:
        problem = f"lacks {sorted(missing)}" if missing else f"has unknown keys {sorted(unknown)}"
        raise _bad(number, problem)
    task, metric, question = values["task"], values["metric"], values.get("question", "")
    _check_one_of(number, "task", task, TASKS)
    _check_one_of(number, "metric", metric, METRICS)
    if task == "ask" and not question.strip():
        raise _bad(number, "asks nothing: its question is empty")
    if metric == "cer" and not values["answer"]:
        raise _bad(number, "has an empty answer, which no error rate is defined for")
    pattern = values.get("pattern", WORDS)
    try:
        re.compile(pattern)
    except re.error as error:
        raise _bad(number, f"has a pattern that is no regular expression ({error})") from error
    image = folder / values["image"]
    return Sample(image, task, question, values["answer"], metric, pattern)


def _check_one_of(number: int, key: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise _bad(number, f"has {key} {value!r}, not one of {', '.join(known)}")


def _bad(number: int, problem: str) -> BadOptions:
    return BadOptions(f"line {number} of {FILE} {problem}", _FORM)

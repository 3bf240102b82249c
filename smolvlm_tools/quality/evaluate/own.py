"""A user's own questions: JSONL, CSV, or a folder with one of these beside its images.

    {"image": "till.png", "question": "What is the total?", "answer": ["4.50", "$4.50"]}
    {"image": ["a.png", "b.png"], "question": "Which?", "options": ["A", "B"], "answer": "B"}

`image` is a path, relative to the file, or a list of them; `answer` one accepted answer or a list.
`options` is a list, or an object of letters; `category` is optional. In CSV, lists are written as
JSON in their cell.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...errors import BadOptions
from .forms import texts
from .metrics import FEWEST_VQA_ANSWERS
from .samples import Sample, lettered

IN_FOLDER = ("labels.jsonl", "metadata.jsonl", "metadata.csv", "labels.csv")
_FORM = 'A line is {"image": PATH, "question": TEXT, "answer": TEXT or LIST}; see docs/evaluate.md.'


@dataclass(frozen=True, slots=True)
class Columns:
    """What the fields of a line are called."""

    image: str = "image"
    question: str = "question"
    answer: str = "answer"


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Questions that are in memory; their images are not."""

    samples: Sequence[Sample]
    digest: str
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, numbers: Sequence[int], /) -> Iterator[Sample]:
        return (self.samples[number] for number in numbers)


def read_own(path: Path, metric: str, columns: Columns | None = None) -> OwnSource:
    """Read and check every line; whether images can be read shows when they are asked about.

    Args:
        path: a file .jsonl or .csv, or a folder with one of `IN_FOLDER`.
        metric: by which they will be scored.

    Raises:
        BadOptions: a file or a line, named by its number, is wrong.
    """
    columns = columns or Columns()
    path = _file_of(path)
    try:
        content = path.read_bytes()
        rows = list(_csv(content) if path.suffix.lower() == ".csv" else _jsonl(content))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadOptions(f"{str(path)!r} cannot be read ({error})", _FORM) from None
    samples: list[Sample] = []
    for number, row in rows:
        try:
            samples.append(_sample(path.parent, number, row, columns, metric))
        except BadOptions as error:
            where = f"line {number} of {path.name}: {error.reason}"
            raise BadOptions(where, error.remedy) from None
    if not samples:
        raise BadOptions(f"{str(path)!r} has no questions", _FORM)
    return OwnSource(samples, hashlib.sha256(content).hexdigest())


def _file_of(path: Path) -> Path:
    if path.is_dir():
        found = [path / name for name in IN_FOLDER if (path / name).is_file()]
        if len(found) != 1:
            raise BadOptions(
                f"the folder {str(path)!r} has {len(found)} of {', '.join(IN_FOLDER)}",
                "Put one of them there.",
            )
        return found[0]
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise BadOptions(
            f"{str(path)!r} is neither a folder, nor .jsonl or .csv, .tsv or .parquet",
            "Name one of these, or a benchmark.",
        )
    return path


def _jsonl(content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(content.decode("utf-8-sig").split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadOptions(f"line {number} is not JSON ({error})", _FORM) from None
            if not isinstance(row, dict):
                raise BadOptions(f"line {number} is no object", _FORM)
            yield number, cast("dict[str, Any]", row)


def _csv(content: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    for row in reader:
        yield reader.line_num, {name: cell for name, cell in row.items() if cell}


def _sample(
    folder: Path, number: int, row: Mapping[str, Any], columns: Columns, metric: str
) -> Sample:
    images = [folder / name for name in _texts(row, columns.image)]
    answers = _texts(row, columns.answer)
    question = str(_given(row, columns.question))
    given = row.get("options")
    if isinstance(given, str):
        given = texts(given)
    if given is not None and not isinstance(given, (list, tuple, dict)):
        raise BadOptions(f"its options are {given!r}", "Give a list of texts.")
    if isinstance(given, dict):
        options = {str(k): str(v) for k, v in cast("dict[str, Any]", given).items()}
    else:
        options = lettered([str(each) for each in cast("Sequence[Any]", given or ())])
    check_metric(metric, answers, options)
    return Sample(
        id=str(row.get("id", number)),
        question=question,
        answers=tuple(_as_letters(answers, options) if metric == "choice" else answers),
        images=tuple(images),
        options=options,
        category=str(row.get("category", "")),
    )


def _as_letters(answers: Iterable[str], options: Mapping[str, str]) -> list[str]:
    """Answers as letters, where some are the texts of options.

    Raises:
        BadOptions: one is neither.
    """
    letters = {text: letter for letter, text in options.items()}
    found = [answer if answer in options else letters.get(answer, "") for answer in answers]
    if not all(found):
        raise BadOptions(
            f"the answer {answers!r} is none of its options", "Give a letter, or an option's text."
        )
    return found


def check_metric(metric: str, answers: Sequence[str], options: Mapping[str, str]) -> None:
    """Refuse a sample that a metric cannot score.

    Raises:
        BadOptions: a choice has no options, or the VQA score fewer than `FEWEST_VQA_ANSWERS`.
    """
    if metric == "choice" and not options:
        raise BadOptions("it has no options to choose from", "Add them, or use another metric.")
    if metric == "vqa" and len(answers) < FEWEST_VQA_ANSWERS:
        raise BadOptions(
            f"with {len(answers)} of ten answers the metric vqa gives no full score",
            "Use the metric exact, or add the answers of more people.",
        )


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    """A value, or a list of them, which CSV has as text."""
    value = _given(row, name)
    found = list(texts(value)) if isinstance(value, str) else value
    if isinstance(found, (bool, int, float)):
        found = [found]
    if not isinstance(found, list) or not found:
        raise BadOptions(f"{name} is {value!r}", "Give a text or a list of texts.")
    each = cast("list[Any]", found)
    if any(isinstance(one, (dict, list)) or one is None for one in each):
        raise BadOptions(f"{name} is {value!r:.60}", "Give a text or a list of texts.")
    return [_text(one) for one in each]


def _text(value: object) -> str:
    """JSON's true and false as a person would say them."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _given(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name) in (None, "", []):
        known = ", ".join(map(str, row)) or "empty"
        raise BadOptions(f"it has no {name} (it has: {known})", _FORM)
    return row[name]

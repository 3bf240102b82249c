"""Rows of the published files as samples: VLMEvalKit's columns, and those of the hub's sets."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, cast

from ...errors import BadOptions
from ...images import ImageSource
from .mathvista import CHOICE
from .samples import Sample, lettered

_LONGEST_LIST = 1_000_000
_MMSTAR_OPTIONS = re.compile(r"\n?Options:\s*(?=A: )")
_MMSTAR_LETTER = re.compile(r"(?:^|,\s*)([A-H]): ")


def table_row(row: Mapping[str, str], images: tuple[ImageSource, ...]) -> Sample:
    """A row of VLMEvalKit's: index, question, answer, A, B, …, hint, category or split.

    Raises:
        BadOptions: it has no answer.
    """
    return Sample(
        id=row["index"],
        question=row["question"],
        answers=texts(_cell(row, "answer")),
        images=images,
        options={letter: row[letter] for letter in ascii_uppercase if row.get(letter)},
        category=row.get("category", "") or row.get("split", ""),
        hint=row.get("hint", ""),
    )


def mmmu_table_row(row: Mapping[str, str], images: tuple[ImageSource, ...]) -> Sample:
    """As VLMEvalKit does it, an open question is scored as a choice of its answer and others."""
    sample = table_row(row, images)
    return sample if sample.options else _open_question(sample, row["answer"])


def mathvista_table_row(row: Mapping[str, str], images: tuple[ImageSource, ...]) -> Sample:
    """Its question is the published query, which has the choices already."""
    kind = _cell(row, "question_type")
    is_choice = kind == CHOICE
    return Sample(
        id=row["index"],
        question=row["question"],
        answers=(_cell(row, "answer_option" if is_choice else "answer"),),
        images=images,
        options=lettered(texts(_cell(row, "choices"))) if is_choice else {},
        category=row.get("task", ""),
        kind=CHOICE if is_choice else _cell(row, "answer_type"),
    )


def docvqa_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/DocVQA: questionId, question, image, answers."""
    answers = tuple(map(str, _value(row, "answers")))
    return _sample(row, images, ("questionId",), answers=answers)


def textvqa_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/textvqa: question_id, question, image, ten answers."""
    answers = tuple(map(str, _value(row, "answers")))
    return _sample(row, images, ("question_id",), answers=answers)


def chartqa_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/ChartQA: type, question, answer, image."""
    answers = (str(_value(row, "answer")),)
    return _sample(row, images, (), answers=answers, category=str(row.get("type", "")))


def ocrbench_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of echo840/OCRBench: dataset, question, question_type, answer, image."""
    given = _value(row, "answer")
    answers = (given,) if isinstance(given, str) else tuple(map(str, given))
    return _sample(row, images, (), answers=answers, category=str(_value(row, "question_type")))


def ai2d_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/ai2d: question, options, the answer's number, image."""
    return _sample(row, images, (), **_by_number(_value(row, "options"), _value(row, "answer")))


def scienceqa_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/ScienceQA: image, question, choices, the answer's number, hint, topic."""
    chosen = _by_number(_value(row, "choices"), _value(row, "answer"))
    words = {"hint": str(row.get("hint") or ""), "category": str(row.get("topic") or "")}
    return _sample(row, images, (), **chosen, **words)


def mmstar_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of Lin-Chen/MMStar, whose options stand in the question.

    It ends with a line such as "Options: A: red, B: blue".
    """
    question, *rest = _MMSTAR_OPTIONS.split(str(_value(row, "question")), maxsplit=1)
    pieces = _MMSTAR_LETTER.split(rest[0].strip())[1:] if rest else []
    options = dict(zip(pieces[::2], (text.strip() for text in pieces[1::2]), strict=True))
    return Sample(
        id=str(_value(row, "index")),
        question=question,
        answers=(str(_value(row, "answer")),),
        images=images,
        options=options,
        category=str(row.get("category", "")),
    )


def mmmu_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of lmms-lab/MMMU: id, question, options as a list in text, image_1 …, answer."""
    name = str(_value(row, "id"))
    sample = _sample(
        row,
        images,
        ("id",),
        answers=texts(str(_value(row, "answer"))),
        options=lettered(texts(str(row.get("options") or "[]"))),
        category=re.sub(r"^[a-z]+_|_\d+$", "", name),
    )
    return sample if sample.options else _open_question(sample, str(row["answer"]))


def mathvista_row(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    """A row of AI4Math/MathVista: pid, query, decoded_image, choices, answer, metadata."""
    is_choice = _value(row, "question_type") == CHOICE
    answer, options = str(_value(row, "answer")), dict[str, str]()
    if is_choice:
        options = lettered([str(choice) for choice in _value(row, "choices")])
        answer = next((letter for letter, text in options.items() if text == answer), answer)
    about = cast("Mapping[str, Any]", row.get("metadata") or {})
    return Sample(
        id=str(_value(row, "pid")),
        question=str(_value(row, "query")),
        answers=(answer,),
        images=images,
        options=options,
        category=str(about.get("task", "")),
        kind=CHOICE if is_choice else str(_value(row, "answer_type")),
    )


def own_row(
    row: Mapping[str, Any], images: tuple[ImageSource, ...], question: str, answer: str
) -> Sample:
    """A row of a user's parquet file, whose columns have these names."""
    given = _value(row, answer)
    options = row.get("options")
    return Sample(
        id=str(row.get("id") or ""),
        question=str(_value(row, question)),
        answers=tuple(map(str, given)) if isinstance(given, list) else texts(str(given)),
        images=images,
        options=lettered(list(map(str, cast("list[Any]", options or [])))),
        category=str(row.get("category") or ""),
    )


def texts(text: str) -> tuple[str, ...]:
    """The texts of a Python or JSON list of literals, which is never run; else the text alone."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]") and len(stripped) <= _LONGEST_LIST:
        try:
            found = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (text,)
        return tuple(map(str, found))
    return (text,)


def _open_question(sample: Sample, answer: str) -> Sample:
    """Its right letter is A, for the answer as it is written, which goes into `kind`."""
    return Sample(
        id=sample.id,
        question=sample.question,
        answers=("A",),
        images=sample.images,
        category=sample.category,
        hint=sample.hint,
        kind=answer,
    )


def _by_number(options: Sequence[Any], answer: object) -> dict[str, Any]:
    """Options under letters, and the letter of the one whose number, from 0, is the answer."""
    return {
        "options": lettered(list(map(str, options))),
        "answers": (ascii_uppercase[int(str(answer))],),
    }


def _sample(
    row: Mapping[str, Any], images: tuple[ImageSource, ...], ids: Sequence[str], **more: Any
) -> Sample:
    """A sample of a row with a question; without a column of ids it gets its number later."""
    name = next((str(row[each]) for each in ids if row.get(each) is not None), "")
    return Sample(id=name, question=str(_value(row, "question")), images=images, **more)


def _cell(row: Mapping[str, str], name: str) -> str:
    if not row.get(name):
        raise BadOptions(f"row {row['index']} has no {name}", "Name a file that has the answers.")
    return row[name]


def _value(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name) is None:
        raise BadOptions(
            f"a row has no {name}; its columns are {', '.join(row)}",
            "Name the data set as the hub publishes it.",
        )
    return row[name]

"""Rows with an image, a question and an answer in columns, or an image and its caption."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadSamples
from ...types import Message, TextPart
from .options import DataOptions
from .pictures import Placing, image_source
from .rows import Row
from .turns import question_and_answer, text_of

_IMAGES = ("image", "file_name", "image_path", "path", "filename")
_QUESTIONS = ("question", "prompt", "query")
_ANSWERS = ("answer", "caption", "text", "completion", "response", "label", "output")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table mean what.

    Attributes:
        question: None where every image is asked the same.
    """

    image: str
    question: str | None
    answer: str

    @classmethod
    def of(cls, row: Row, options: DataOptions) -> Columns:
        """Those that are named, else those with usual names.

        Raises:
            BadSamples: one that is named isn't there, or none is found.
        """
        image = _column(row, options.image_column, _IMAGES, "image")
        answer = _column(row, options.answer_column, _ANSWERS, "answer")
        question = None
        if options.question_column is not None or any(name in row for name in _QUESTIONS):
            question = _column(row, options.question_column, _QUESTIONS, "question")
        return cls(image, question, answer)

    @staticmethod
    def fit(row: Row, options: DataOptions) -> bool:
        """Whether a row may be one of a table."""
        images = [options.image_column] if options.image_column else _IMAGES
        answers = [options.answer_column] if options.answer_column else _ANSWERS
        return any(name in row for name in images) and any(name in row for name in answers)

    def messages(self, row: Row, folder: Path, question: str) -> tuple[Message, ...]:
        """The question, its image first, and the answer; <image> in it puts the image elsewhere.

        Args:
            question: where the row has none.
        """
        given = _cell(row, self.image)
        placing = Placing([image_source(given, folder)])
        asked = text_of(_cell(row, self.question), self.question) if self.question else question
        parts = placing.fill(asked)
        if placing.untouched:
            parts = (*placing.all(), TextPart(text=asked))
        placing.finish()
        if not asked.strip():
            raise BadSamples("an empty question", "Fill it in, or take the row out.")
        return question_and_answer(parts, text_of(_cell(row, self.answer), self.answer))


def _cell(row: Row, name: str) -> object:
    if name not in row:
        raise BadSamples(f"no {name!r} in it", "Every row needs the same columns.")
    return row[name]


def _column(row: Row, named: str | None, usual: Iterable[str], what: str) -> str:
    names = [named] if named is not None else usual
    found = next((name for name in names if name in row), None)
    if found is None:
        there = ", ".join(map(repr, row)) or "none"
        wanted = repr(named) if named is not None else f"for the {what}"
        raise BadSamples(f"no column {wanted}; there are {there}", f"Name it by `{what}_column`.")
    return found

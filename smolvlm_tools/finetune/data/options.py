"""How a data file is to be understood, where it doesn't say so itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import BadOptions
from ...prompt.tasks import DESCRIBE

FORMAT_NAMES = ("auto", "messages", "prompt", "sharegpt", "alpaca", "table", "folder")
"""Of `DataOptions.format`."""


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What is known about a data file.

    Attributes:
        format: one of `FORMAT_NAMES`; "auto" goes by the file's first row.
        image_folder: where relative paths of images start; None for the data file's folder.
        image_column, question_column, answer_column: of a table; None for the usual names.
        question: asked about images that come without a question, as captions do.
        skip_bad: leave out rows that cannot be used, and say how many, instead of refusing all.
        shown: how many faults an error names; all are counted.
    """

    format: str = "auto"
    image_folder: Path | None = None
    image_column: str | None = None
    question_column: str | None = None
    answer_column: str | None = None
    question: str = DESCRIBE["normal"]
    skip_bad: bool = False
    shown: int = 10

    def __post_init__(self) -> None:
        if self.format not in FORMAT_NAMES:
            raise BadOptions(
                f"`format={self.format!r}` is no format of training data",
                f"Use one of {', '.join(FORMAT_NAMES)}.",
            )
        if not self.question.strip():
            raise BadOptions("`question` is empty", "Give the words that images are asked with.")
        if self.image_folder is not None and not self.image_folder.is_dir():
            raise BadOptions(
                f"`image_folder={str(self.image_folder)!r}` is no folder", "Check the path."
            )

"""The forms of rows, and which one a row has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ...errors import BadSamples
from ...types import Message
from .conversations import from_messages, from_prompt
from .llama_factory import from_alpaca, from_sharegpt
from .options import DataOptions
from .rows import Row
from .table import Columns

Read: TypeAlias = Callable[[Row], tuple[Message, ...]]
"""From a row to its conversation; raises `BadSamples`."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of rows, known by the keys that each has."""

    keys: tuple[str, ...]
    read: Callable[[Row, Path], tuple[Message, ...]]


FORMS = {
    "messages": Form(("messages",), from_messages),
    "prompt": Form(("prompt", "completion"), from_prompt),
    "sharegpt": Form(("conversations",), from_sharegpt),
    "alpaca": Form(("instruction", "output"), from_alpaca),
}
"""Those without columns, by the name that `DataOptions.format` has for them."""


def reader_of(
    first: Row, folder: Path, options: DataOptions, *, tabular: bool = False
) -> tuple[str, Read]:
    """The name of the form of a file, and what reads its rows.

    Args:
        first: the file's first row.
        folder: where relative paths of images start.
        tabular: whether the file is a table, or a folder that is read as one.

    Raises:
        BadSamples: it has no form that is known, or not the one that is named.
    """
    name = options.format
    if name == "auto":
        name = "table" if tabular else _recognise(first, options)
    if name in ("table", "folder"):
        columns = Columns.of(first, options)
        return name, lambda row: columns.messages(row, folder, options.question)
    form = FORMS[name]
    return name, lambda row: form.read(_with_keys(row, form.keys), folder)


def _recognise(row: Row, options: DataOptions) -> str:
    named = (options.image_column, options.question_column, options.answer_column)
    if not any(named):
        for name, form in FORMS.items():
            if all(key in row for key in form.keys):
                return name
    if any(named) or Columns.fit(row, options):
        return "table"
    there = ", ".join(map(repr, list(row)[:8])) or "nothing"
    raise BadSamples(
        f"its first row has {there}: no form that is known",
        "Write messages, prompt and completion, conversations, instruction and output, or image, "
        "question and answer; docs/finetune.md shows each. `format` and `answer_column` name them.",
    )


def _with_keys(row: Row, keys: tuple[str, ...]) -> Row:
    missing = [key for key in keys if key not in row]
    if missing:
        raise BadSamples(f"no {missing[0]!r} in it", f"Every row needs {' and '.join(keys)}.")
    return row

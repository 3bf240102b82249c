"""Tables with more figures than fit beside each other in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from .console import clean


def sideways(title: str, figures: Sequence[str], subjects: Sequence[Sequence[str]]) -> Table:
    """A row for each figure, and a column for each subject.

    Args:
        figures: what the rows are called.
        subjects: of each its name, and then its figures, as markup.
    """
    columns = [Column(name, justify="right") for name, *_ in subjects]
    table = Table("", *columns, title=escape(clean(title)))
    for at, figure in enumerate(figures, 1):
        table.add_row(figure, *(subject[at] for subject in subjects))
    return table

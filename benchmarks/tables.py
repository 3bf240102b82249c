"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def markdown_table(
    head: Sequence[object], rows: Iterable[Sequence[object]], left: int | None = None
) -> str:
    """A Markdown table whose columns after the first `left` are aligned right."""
    return "\n".join(markdown_lines(head, rows, left))


def markdown_lines(
    head: Sequence[object], rows: Iterable[Sequence[object]], left: int | None = None
) -> Iterator[str]:
    """The lines of `markdown_table` one by one, for rows that take their time."""
    left = len(head) if left is None else left
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    yield _line(head)
    yield f"|{'|'.join(rule)}|"
    yield from map(_line, rows)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"

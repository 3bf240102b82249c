"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(
    head: Sequence[object], rows: Iterable[Sequence[object]], left: int | None = None
) -> str:
    """A Markdown table whose columns after the first `left` are aligned right."""
    left = len(head) if left is None else left
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [_line(head), f"|{'|'.join(rule)}|", *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"

"""Outcomes as lines and tables."""

from __future__ import annotations

from collections.abc import Sequence

from .trial import Outcome


def row_of(outcome: Outcome) -> str:
    """One line about a case on a surface."""
    told = "; ".join(outcome.faults) or "held"
    cost = f"{outcome.cpu_seconds:.2f} CPU s, {outcome.extra_bytes / 2**20:.0f} MiB"
    return f"{outcome.surface}: {outcome.case!r}: {outcome.code}, {cost}: {told}"


def summary_rows(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[object]]]:
    """Head and rows of a table, a row for each surface."""
    head = ["surface", "cases", "held", "typed errors", "most CPU s", "most MiB", "most s"]
    rows: list[list[object]] = []
    for surface in dict.fromkeys(outcome.surface for outcome in outcomes):
        mine = [each for each in outcomes if each.surface == surface]
        errors = sum(each.code not in ("works", "raw", "lost", "refused") for each in mine)
        rows.append(
            [
                surface,
                len(mine),
                sum(each.is_held for each in mine),
                errors,
                f"{max(each.cpu_seconds for each in mine):.2f}",
                f"{max(each.extra_bytes for each in mine) / 2**20:.0f}",
                f"{max(each.seconds for each in mine):.1f}",
            ]
        )
    return head, rows


def failures(outcomes: Sequence[Outcome]) -> str:
    """All that is not held, a line each."""
    return "\n".join(row_of(outcome) for outcome in outcomes if not outcome.is_held)

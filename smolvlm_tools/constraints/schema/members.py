"""Members or items one after the other, their number bounded → a Lark expression.

Every function returns what stands between the brackets, or None where the bounds leave nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

NOTHING = '""'
_MOST_STATES = 20_000


class TooManyStates(ValueError):
    """Bounds on so many optional entries that a grammar cannot count them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One member.

    Attributes:
        text: Lark expression of its name and value.
        required: whether it must be there.
    """

    text: str
    required: bool


def members(
    entries: Sequence[Entry],
    more: str | None,
    low: int,
    high: int | None,
    rule: Callable[[str], str],
) -> str | None:
    """`entries` in their order, those left out that may be, then any number of `more`.

    Args:
        entries: in order.
        more: a rule; None: nothing follows.
        low: fewest members.
        high: most members.
        rule: names a right side.

    Raises:
        TooManyStates: their number times the bound is too large.
    """
    if more is None and high is not None and high >= len(entries):
        high = None
    counts = max(low, 1) if high is None else high
    if counts * (len(entries) + 1) > _MOST_STATES:
        raise TooManyStates
    after = [repeated(more, count, low, high) for count in range(counts + 1)]
    for entry in reversed(entries):
        before: list[str | None] = []
        for count in range(counts + 1):
            options: list[str] = []
            full = high is not None and count == high
            taken = None if full else after[min(count + 1, counts)]
            if taken is not None:
                options.append(f"{_comma(count)}{entry.text} {taken}")
            left = None if entry.required else after[count]
            if left is not None:
                options.append(left)
            before.append(rule(" | ".join(options)) if options else None)
        after = before
    return after[0]


def items(
    first: Sequence[str], more: str | None, low: int, high: int | None, rule: Callable[[str], str]
) -> str | None:
    """`first` in their order, cut anywhere from `low` on, then any number of `more`."""
    if high is not None and high < len(first):
        first, more = first[:high], None
    right = repeated(more, len(first), low, high)
    for index in reversed(range(len(first))):
        if right is not None:
            right = f"{_comma(index)}{first[index]} {right}"
        if index >= low:
            right = NOTHING if right is None else f"{right} | {NOTHING}"
        right = None if right is None else rule(right)
    return right


def repeated(more: str | None, count: int, low: int, high: int | None) -> str | None:
    """`more` after `count` others, until there are `low` to `high`."""
    least, most = max(0, low - count), None if high is None else high - count
    if more is None or most == 0:
        return NOTHING if least == 0 else None
    if most is not None and most < least:
        return None
    if count:
        return f'(", " {more}){_times(least, most)}'
    if most == 1:
        return more if least else f"({more} | {NOTHING})"
    rest = f'{more} (", " {more}){_times(max(least - 1, 0), None if most is None else most - 1)}'
    return rest if least else f"({rest} | {NOTHING})"


def _times(low: int, high: int | None) -> str:
    if (low, high) == (0, None):
        return "*"
    return f"{{{low},{'' if high is None else high}}}"


def _comma(count: int) -> str:
    return '", " ' if count else ""

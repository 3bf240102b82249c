"""Constraints by name, for callers that have only text: a command line, a tool's arguments."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import BadOptions
from .kinds import Constraint, date, integer, lines, number, yes_no

NAMED: dict[str, Callable[[], Constraint]] = {
    "yes-no": yes_no,
    "integer": integer,
    "number": number,
    "date": date,
    "list": lines,
}


def named(name: str) -> Constraint:
    """The constraint of that name; "_" is read as "-".

    Raises:
        BadOptions: an unknown name.
    """
    make = NAMED.get(name.replace("_", "-"))
    if make is None:
        raise BadOptions(f"unknown kind of answer {name!r}", f"Use {', '.join(NAMED)}.")
    return make()

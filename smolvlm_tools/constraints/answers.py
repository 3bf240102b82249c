"""A Python type, or a name → the constraint that yields its values."""

from __future__ import annotations

import datetime
import enum
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

from ..errors import BadOptions
from .kinds import (
    Choice,
    Constraint,
    Grammar,
    choices,
    date,
    integer,
    json_schema,
    lines,
    number,
    yes_no,
)
from .rating import Rating

_SIMPLE: dict[Any, Callable[[], Constraint]] = {
    bool: yes_no,
    int: integer,
    float: number,
    datetime.date: date,
    list[str]: lines,
}
_SHORT = 16
"""Options of a choice that are tokenized within a millisecond."""
_KINDS = (
    "Use bool, int, float, str, datetime.date, Literal[...], an Enum, Rating(1, 5), list[str], a "
    "pydantic model, another type that pydantic knows, a JSON schema, or a constraint of "
    "smolvlm_tools.constraints."
)

NAMED: dict[str, Callable[[], Constraint]] = {
    "yes-no": yes_no,
    "integer": integer,
    "number": number,
    "date": date,
    "list": lines,
}
"""Constraints by name, for callers that have only text: a command line, a tool's arguments."""


def named(name: str) -> Constraint:
    """The constraint of that name; "_" is read as "-".

    Raises:
        BadOptions: an unknown name.
    """
    make = NAMED.get(name.replace("_", "-"))
    if make is None:
        raise BadOptions(f"unknown kind of answer {name!r}", f"Use {', '.join(NAMED)}.")
    return make()


def parse_answer(answer: object) -> Constraint | None:
    """The constraint that `answer` asks for; None where any text will do (None and `str`).

    Args:
        answer: a type, a JSON schema or a constraint.

    Raises:
        BadOptions: it is none of them.
        SchemaNotSupported: its schema cannot be enforced.
    """
    if answer is None or answer is str:
        return None
    if isinstance(answer, (Grammar, Choice)):
        return answer
    if isinstance(answer, Rating):
        return answer.choice()
    if isinstance(answer, Mapping):
        return json_schema(cast("Mapping[str, Any]", answer))
    if get_origin(answer) is Literal:
        return choices({str(value): value for value in get_args(answer)})
    if isinstance(answer, enum.EnumMeta):
        members = cast("type[enum.Enum]", answer)
        return choices({str(member.value): member for member in members})
    if not isinstance(answer, (type, types.GenericAlias, types.UnionType)) and not get_origin(
        answer
    ):
        raise BadOptions(f"`answer={answer!r}` is not a type", _KINDS)
    return _of_type(answer)


def is_ready(answer: object) -> bool:
    """Whether `answer` needs no grammar, so that an event loop need not be spared its making."""
    is_short = isinstance(answer, Choice) and len(answer.options) <= _SHORT
    return answer is None or answer is str or answer is bool or is_short


@cache
def _of_type(answer: Any) -> Constraint:
    make = _SIMPLE.get(answer)
    if make is not None:
        return make()
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(answer)
        schema = adapter.json_schema()
    except (
        PydanticSchemaGenerationError,
        PydanticUserError,
        PydanticInvalidForJsonSchema,
        TypeError,
    ) as error:
        reason = str(error).partition("\n")[0]
        raise BadOptions(f"`answer={answer!r}` has no JSON schema ({reason})", _KINDS) from None
    return json_schema(schema, adapter.validate_json)

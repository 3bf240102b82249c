"""The base of what callers fill in: an impossible value is an error of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, model_validator

from ..errors import BadOptions


class Checked(BaseModel):
    """Raises `BadOptions` for unknown names and impossible values, wherever it is made."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, given: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return make(given)
        except ValidationError as error:
            if not isinstance(given, Mapping):  # a field's value, which may be of another type
                raise
            raise _refusal(error, cls.model_fields) from None


def _refusal(error: ValidationError, known: Iterable[str]) -> BadOptions:
    """What is wrong with the first value that is."""
    problems = error.errors(include_url=False)
    unknown = sorted(str(each["loc"][0]) for each in problems if each["type"] == "extra_forbidden")
    if unknown:
        return BadOptions(
            f"unknown option {', '.join(map(repr, unknown))}", f"Options are {', '.join(known)}."
        )
    first = problems[0]
    name = str(first["loc"][0])
    return BadOptions(
        f"`{name}={repr(first['input'])[:60]}` is not possible",
        f"{first['msg'].replace('Input should', 'It has to')}.",
    )

"""Rounds shares: their last bits depend on what was decoded beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

DIGITS = 4


def rounded(value: Any) -> Any:
    """A value of Python data with every float in it rounded."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {name: rounded(each) for name, each in items}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in cast("list[Any]", value)]
    return value

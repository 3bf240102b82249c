"""Options of a call as the engine names them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def by_our_names(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are set, with `max_tokens` under the engine's name, which wins."""
    given = {name: value for name, value in options.items() if value is not None}
    most = given.pop("max_tokens", None)
    return given if most is None else {"max_new_tokens": most, **given}


def for_class(output_cls: type[BaseModel], given: dict[str, Any] | None) -> dict[str, Any]:
    """Options of a structured answer; the `stop` of the LLM's fields is for free text."""
    return {"stop": (), **(given or {}), "answer": output_cls}

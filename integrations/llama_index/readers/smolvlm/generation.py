"""How replies are decoded and when an answer counts, as the same fields of every component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import model_validator

from smolvlm_tools import GenerationOptions, check_options
from smolvlm_tools.types import OnIncomplete

from .engine import EngineSettings

_POLICY = {"min_confidence", "min_field_confidence", "on_incomplete"}
OF_REQUESTS = {*GenerationOptions.model_fields, "max_tokens", *_POLICY}
"""Names of options of requests, `max_tokens` being another one for `max_new_tokens`."""


class GenerationSettings(EngineSettings):
    """Options of every request, checked when they are given; None for the engine's default.

    Attributes:
        max_new_tokens: this and the following are fields of `GenerationOptions`.
        max_tokens: other LLMs' name for `max_new_tokens`, which wins.
        min_confidence: this and the following are the policy of `RequestOptions`; see
            docs/confidence.md.
    """

    max_new_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: list[str] | str | None = None
    repetition_guard: bool | None = None
    logprobs: bool | None = None
    min_confidence: float | None = None
    min_field_confidence: float | None = None
    on_incomplete: OnIncomplete | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_options(cls, fields: Any) -> Any:
        """Refuse impossible options of requests; raises BadOptions."""
        if isinstance(fields, Mapping):
            given = cast("Mapping[str, Any]", fields)
            check_options(by_our_names({k: v for k, v in given.items() if k in OF_REQUESTS}))
        return fields

    def request_options(self) -> dict[str, Any]:
        """The options that are set, under the engine's names."""
        return by_our_names({name: value for name, value in self if name in OF_REQUESTS})


def by_our_names(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are set, with `max_tokens` under the engine's name, which wins."""
    given = {name: value for name, value in options.items() if value is not None}
    most = given.pop("max_tokens", None)
    return given if most is None else {"max_new_tokens": most, **given}

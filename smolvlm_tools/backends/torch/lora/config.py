"""`adapter_config.json` of a PEFT LoRA adapter: ranks and scales by layer.

Format: https://huggingface.co/docs/peft/package_reference/lora, as peft 0.21 writes it. Keys that
older versions leave out take peft's defaults.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    Strict,
    TypeAdapter,
    ValidationError,
)

from ....checkpoint.adapter import ADAPTER_CONFIG as CONFIG
from ....errors import ModelInvalid

EXACT_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base weights as they are. The others (pissa, olora,
loftq, …) change them while peft loads the adapter, so its tensors fit no checkpoint on disk."""

OTHER_COMPUTATIONS = (
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "layer_replication",
    "target_parameters",
)
"""Settings whose layers compute something else than W + scale * B A."""

_AGAIN = "Fetch the adapter again."
_MERGE = "Merge it with peft's merge_and_unload() and load the merged checkpoint."
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])

_T = TypeVar("_T")


def _rows_by_module(raw: object) -> object:
    """Token ids alone are those of the token table."""
    return {"embed_tokens": raw} if isinstance(raw, list) and raw else raw or {}


Rank: TypeAlias = Annotated[int, Strict(), Field(ge=1)]
Alpha: TypeAlias = Annotated[FiniteFloat, Strict()]
Flag: TypeAlias = Annotated[bool, BeforeValidator(bool)]
_OrEmpty = BeforeValidator(lambda raw: raw or {})
TokenRows: TypeAlias = Annotated[
    dict[str, tuple[Annotated[NonNegativeInt, Strict()], ...]], BeforeValidator(_rows_by_module)
]


def _check_repeats(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Refuse a pattern that may take for ever: repeated groups, or many repeats in a row."""
    text = pattern.pattern
    if _REPEATED_GROUP.search(text) or sum(map(text.count, "*+{")) > _MOST_REPEATS:
        raise ValueError("it repeats groups, or too much, and may take very long to match")
    return pattern


_REPEATED_GROUP = re.compile(r"\)[*+{]")
_MOST_REPEATS = 3
_Pattern: TypeAlias = Annotated[re.Pattern[str], AfterValidator(_check_repeats)]
"""Peft's patterns are names of modules, at most with a ".*" before them."""


class AdapterConfig(BaseModel):
    """What the tensors of an adapter do not say themselves."""

    model_config = ConfigDict(frozen=True)

    r: Rank = 8
    lora_alpha: Alpha = 8.0
    rank_pattern: Annotated[dict[_Pattern, Rank], _OrEmpty] = {}
    alpha_pattern: Annotated[dict[_Pattern, Alpha], _OrEmpty] = {}
    use_rslora: Flag = False
    use_dora: Flag = False
    trainable_token_indices: TokenRows = {}

    @classmethod
    def from_file(cls, path: Path) -> AdapterConfig:
        """Read an `adapter_config.json`."""
        try:
            raw = _OBJECT.validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ModelInvalid(f"{path.name} is not a JSON object ({error})", _AGAIN) from error
        _check_method(raw)
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise ModelInvalid(
                f"{CONFIG} has {key} = {first['input']!r} ({first['msg']})", _AGAIN
            ) from error

    def rank_of(self, module: str) -> int:
        """The rank of a module, named as in the adapter without "base_model.model."."""
        return _match(self.rank_pattern, module, self.r)

    def scale_of(self, module: str) -> float:
        """What B A is multiplied by: alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA."""
        rank = self.rank_of(module)
        alpha = _match(self.alpha_pattern, module, self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)

    def rows_of(self, module: str) -> tuple[int, ...]:
        """The token ids whose rows the adapter replaces in a module."""
        found = (
            rows
            for name, rows in self.trainable_token_indices.items()
            if module == name or module.endswith(f".{name}")
        )
        return next(found, ())


def _check_method(raw: Mapping[str, Any]) -> None:
    kind = raw.get("peft_type")
    if kind != "LORA":
        raise ModelInvalid(
            f"the adapter's peft_type is {kind!r}, not 'LORA'", f"Use a LoRA adapter. {_MERGE}"
        )
    for key in OTHER_COMPUTATIONS:
        if raw.get(key):
            raise ModelInvalid(
                f"the adapter has {key} = {raw[key]!r}, which cannot be merged here", _MERGE
            )
    start = raw.get("init_lora_weights", True)
    if start not in EXACT_STARTS:
        raise ModelInvalid(
            f"the adapter has init_lora_weights = {start!r}: peft changes the base weights while "
            "it loads such an adapter",
            "Save it with path_initial_model_for_weight_conversion, which makes it a plain LoRA "
            f"adapter. {_MERGE}",
        )


def _match(patterns: Mapping[re.Pattern[str], _T], module: str, default: _T) -> _T:
    """The value of the first pattern that a module's name ends with, as peft looks it up."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern.pattern})$", module):
            return value
    return default

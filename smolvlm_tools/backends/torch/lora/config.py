"""`adapter_config.json` of a PEFT LoRA adapter: ranks and scales by layer; knows no tensors.

Format: https://huggingface.co/docs/peft/package_reference/lora, as peft 0.21 writes it. Keys that
older versions leave out take peft's defaults.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What the tensors of an adapter do not say themselves.

    Attributes:
        dora: whether rows are rescaled to a trained magnitude.
        token_rows: trained rows of the token table by module name ("embed_tokens").
    """

    rank: int
    alpha: float
    ranks: Mapping[str, Any]
    alphas: Mapping[str, Any]
    root: bool
    dora: bool
    token_rows: Mapping[str, tuple[int, ...]]

    @classmethod
    def from_file(cls, path: Path) -> AdapterConfig:
        """Read an `adapter_config.json`.

        Raises:
            ModelInvalid: it is damaged, of another method than LoRA, or of a LoRA variant that
                cannot be merged.
        """
        raw = _read(path)
        _check_method(raw)
        try:
            return cls(
                rank=_count("r", raw.get("r", 8)),
                alpha=_number("lora_alpha", raw.get("lora_alpha", 8)),
                ranks=_patterns("rank_pattern", raw.get("rank_pattern") or {}),
                alphas=_patterns("alpha_pattern", raw.get("alpha_pattern") or {}),
                root=bool(raw.get("use_rslora")),
                dora=bool(raw.get("use_dora")),
                token_rows=_token_rows(raw.get("trainable_token_indices")),
            )
        except (TypeError, ValueError) as error:
            raise ModelInvalid(f"{CONFIG} has {error}", _AGAIN) from error

    def rank_of(self, module: str) -> int:
        """The rank of a module, named as in the adapter without "base_model.model."."""
        return _count("rank_pattern", _match(self.ranks, module, self.rank))

    def scale_of(self, module: str) -> float:
        """What B A is multiplied by: alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA."""
        alpha = _number("alpha_pattern", _match(self.alphas, module, self.alpha))
        rank = self.rank_of(module)
        return alpha / (math.sqrt(rank) if self.root else rank)

    def rows_of(self, module: str) -> tuple[int, ...]:
        """The token ids whose rows the adapter replaces in a module."""
        found = (rows for name, rows in self.token_rows.items() if _ends(module, name))
        return next(found, ())


def _read(path: Path) -> dict[str, Any]:
    try:
        raw: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelInvalid(f"{path.name} is not readable JSON ({error})", _AGAIN) from error
    if not isinstance(raw, dict):
        raise ModelInvalid(f"{path.name} is not a JSON object", _AGAIN)
    return cast("dict[str, Any]", raw)


def _check_method(raw: Mapping[str, Any]) -> None:
    kind = raw.get("peft_type")
    if kind != "LORA":
        raise ModelInvalid(
            f"the adapter's peft_type is {kind!r}, not 'LORA'", f"Use a LoRA adapter. {_MERGE}"
        )
    for key in OTHER_COMPUTATIONS:
        if raw.get(key):
            raise ModelInvalid(f"the adapter has {key} = {raw[key]!r}, unknown here", _MERGE)
    start = raw.get("init_lora_weights", True)
    if start not in EXACT_STARTS:
        raise ModelInvalid(
            f"the adapter has init_lora_weights = {start!r}: peft changes the base weights while "
            "it loads such an adapter",
            "Save it with path_initial_model_for_weight_conversion, which makes it a plain LoRA "
            f"adapter. {_MERGE}",
        )


def _match(patterns: Mapping[str, Any], module: str, default: object) -> object:
    """The value of the first pattern that a module's name ends with, as peft looks it up."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def _patterns(key: str, raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{key} = {raw!r}")
    patterns = cast("dict[str, Any]", raw)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"the pattern {pattern!r} in {key} ({error})") from error
    return patterns


def _token_rows(raw: object) -> dict[str, tuple[int, ...]]:
    if not raw:
        return {}
    named = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"embed_tokens": raw}
    rows: dict[str, tuple[int, ...]] = {}
    for name, ids in named.items():
        if not isinstance(ids, Sequence) or not all(
            isinstance(n, int) and n >= 0 for n in cast("Sequence[object]", ids)
        ):
            raise ValueError(f"trainable_token_indices = {raw!r}")
        rows[name] = tuple(cast("Sequence[int]", ids))
    return rows


def _count(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelInvalid(f"{CONFIG} has {key} = {value!r}, not a rank", _AGAIN)
    return value


def _number(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ModelInvalid(f"{CONFIG} has {key} = {value!r}, not a number", _AGAIN)
    return float(value)


def _ends(module: str, name: str) -> bool:
    return module == name or module.endswith(f".{name}")

"""What config.json says about a checkpoint that `smolvlm quantize` wrote. Imports no torch.

If bitsandbytes did all of it, `quantization_config` is what transformers writes for that library;
else its method is "smolvlm-tools". Its key `smolvlm_tools` says what each component is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import BadOptions, ModelInvalid
from ..precision import Precision
from .formats.registry import FORMATS, THRESHOLD
from .names import COMPONENTS, FLOATS, describe_kinds, library_of, parse_kinds

KEY, OURS, VERSION = "quantization_config", "smolvlm_tools", 1

SKIPPED: Mapping[str, str] = {
    "vision": "model.vision_model",
    "connector": "model.connector",
    "decoder": "model.text_model",
    "lm_head": "lm_head",
}
"""Modules of each component, by the name that transformers gives them."""


def saved_kinds(raw: Mapping[str, Any]) -> dict[str, str] | None:
    """The precision of each component of a quantized checkpoint; None if it is not quantized."""
    about = raw.get(KEY)
    if about is None:
        return None
    ours = about.get(OURS) if isinstance(about, dict) else None
    if not isinstance(ours, dict):
        method = about.get("quant_method") if isinstance(about, dict) else about
        raise ModelInvalid(
            f"the checkpoint was quantized by another tool (quant_method {method!r})",
            "Use the checkpoint before quantization, or quantize it with `smolvlm quantize`.",
        )
    kinds: Any = ours.get("components")
    known = (
        ours.get("version") == VERSION
        and isinstance(kinds, dict)
        and set(kinds) == set(COMPONENTS)
        and all(isinstance(kind, str) and kind in FORMATS for kind in kinds.values())
    )
    if not known:
        raise ModelInvalid(
            f"config.json describes the quantized components as {ours!r}",
            "Quantize the checkpoint again with this version's `smolvlm quantize`.",
        )
    return {name: kinds[name] for name in COMPONENTS}


def agreed_kinds(asked: Precision, saved: dict[str, str] | None, auto: str) -> dict[str, str]:
    """The precision of each component: as asked for, which a quantized checkpoint must have."""
    if saved is None:
        return parse_kinds(asked, auto)
    if asked != "auto" and parse_kinds(asked, saved["decoder"]) != saved:
        raise BadOptions(
            f"the checkpoint is quantized as {describe_kinds(saved)}, not {asked}",
            "Use precision 'auto', or the checkpoint before quantization.",
        )
    return saved


def quantization_config(kinds: Mapping[str, str]) -> dict[str, Any]:
    """What to write into config.json; transformers can read it if bitsandbytes did all of it."""
    quantized = [kind for kind in kinds.values() if kind not in FLOATS]
    about: dict[str, Any] = {"quant_method": "smolvlm-tools"}
    if len(set(quantized)) == 1 and library_of(quantized[0]) == "bitsandbytes":
        skipped = [SKIPPED[name] for name, kind in kinds.items() if kind in FLOATS]
        about = {
            "quant_method": "bitsandbytes",
            "load_in_8bit": quantized[0] == "bnb-int8",
            "load_in_4bit": quantized[0] == "bnb-nf4",
            "llm_int8_threshold": THRESHOLD,
            "llm_int8_skip_modules": skipped,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": "bfloat16",
        }
    return about | {OURS: {"version": VERSION, "components": dict(kinds)}}


def read_config(folder: Path) -> dict[str, Any]:
    """The content of config.json."""
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalid(
            f"config.json is not readable JSON ({error})", "Fetch the checkpoint again."
        ) from error

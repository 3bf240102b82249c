"""Which tensor of a checkpoint each tensor of a LoRA adapter changes, by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ....errors import ModelInvalid

OTHER_BASE = "Use the checkpoint that the adapter was trained on (base_model_name_or_path)."

_SLOTS = {
    "lora_A.weight": "a",
    "lora_B.weight": "b",
    "lora_B.bias": "shift",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
    "token_adapter.trainable_tokens_delta": "rows",
    **dict.fromkeys(["weight", "base_layer.weight", "modules_to_save.weight"], "value"),
    **dict.fromkeys(["bias", "base_layer.bias", "modules_to_save.bias"], "value"),
}
"""What follows a module's name in the adapter's file, and the field of `Change` it goes to."""

_KEY = re.compile(rf"(?P<module>.+?)\.(?P<part>{'|'.join(map(re.escape, _SLOTS))})")
_MOVED = (
    ("model.language_model.", "model.text_model."),
    ("language_model.model.", "model.text_model."),
    ("language_model.", "model.text_model."),
    ("text_model.", "model.text_model."),
    ("model.vision_tower.", "model.vision_model."),
    ("vision_model.", "model.vision_model."),
    ("connector.", "model.connector."),
    ("language_model.lm_head", "lm_head"),
    ("model.lm_head", "lm_head"),
)
"""Where other versions of the model's class keep its parts, and where the hub's files do."""


@dataclass(slots=True)
class Change:
    """How one tensor changes; the strings name tensors in the adapter's file.

    Attributes:
        module: the layer's name as the adapter has it, for the patterns of its configuration.
        value: replaces the tensor.
        rows: replaces the rows of some tokens.
        a, b, magnitude: the factors, and the norms for DoRA.
        shift: added to a bias, times the scale.
        table: whether the factors are those of an embedding: (r, tokens) and (width, r).
    """

    module: str
    value: str = ""
    rows: str = ""
    a: str = ""
    b: str = ""
    magnitude: str = ""
    shift: str = ""
    table: bool = False


def find_changes(
    keys: Iterable[str], known: Callable[[str], bool], dora: bool, adapter: str
) -> dict[str, Change]:
    """Changes by the checkpoint's tensor; `adapter` is what messages call the adapter."""
    changes: dict[str, Change] = {}
    for key in keys:
        found = _KEY.fullmatch(key)
        if found is None:
            raise ModelInvalid(
                f"the adapter {adapter} has an unknown tensor {key}",
                "Use a LoRA adapter as peft's save_pretrained writes it.",
            )
        module = found["module"].removeprefix("base_model.model.").removeprefix("base_model.")
        leaf = "bias" if found["part"].endswith("bias") else "weight"
        target = _locate(module, leaf, known)
        if target is None:
            raise ModelInvalid(
                f"the adapter {adapter} changes {module}.{leaf}, which the checkpoint lacks",
                OTHER_BASE,
            )
        change, slot = changes.setdefault(target, Change(module)), _SLOTS[found["part"]]
        if getattr(change, slot):
            raise ModelInvalid(
                f"the adapter {adapter} has both {getattr(change, slot)} and {key}",
                "Fetch the adapter again.",
            )
        setattr(change, slot, key)
        change.table = change.table or found["part"].startswith("lora_embedding")
    for target, change in changes.items():
        if problem := _problem(change, dora):
            raise ModelInvalid(
                f"the adapter {adapter} has {problem} for {target}", "Fetch the adapter again."
            )
    return changes


def _locate(module: str, leaf: str, known: Callable[[str], bool]) -> str | None:
    """The checkpoint's name of a tensor of a module."""
    names = [module]
    names += [new + module[len(old) :] for old, new in _MOVED if module.startswith(old)]
    return next((f"{name}.{leaf}" for name in names if known(f"{name}.{leaf}")), None)


def _problem(change: Change, dora: bool) -> str | None:
    """What is missing or too much."""
    if change.b and not change.a:
        return "no lora_A"
    if (change.a or change.magnitude) and not change.b:
        return "no lora_B"
    if change.b and dora and not change.magnitude:
        return "no lora_magnitude_vector"
    if change.magnitude and not dora:
        return "a lora_magnitude_vector, but no use_dora,"
    return None

"""Adapters that peft trains, and ways to damage them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolvlm_tools.checkpoint import find_adapter, open_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
safetensors = pytest.importorskip("safetensors.torch")


DECODER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
EVERY_MATRIX = [*DECODER, "out_proj", "fc1", "fc2", "proj", "patch_embedding", "lm_head"]


def train(folder: Path, out: Path, **config: Any) -> Path:
    """A LoRA adapter with random weights, saved by peft."""
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    settings = {"r": 4, "lora_alpha": 8, **config}
    model = peft.get_peft_model(base, peft.LoraConfig(**settings))
    chance = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += torch.randn(parameter.shape, generator=chance) / 20
    model.save_pretrained(out)
    return out


def merged_by_peft(folder: Path, adapter: Path) -> Any:
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    return peft.PeftModel.from_pretrained(base, adapter).merge_and_unload().eval()


def load(folder: Path, adapter: Path | None, precision: str = "fp32") -> Any:
    from smolvlm_tools.backends.torch.backend import TorchBackend

    found = None if adapter is None else find_adapter(adapter)
    return TorchBackend.load(open_checkpoint(folder), precision, "cpu", None, found)


def change_config(adapter: Path, **changes: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_tensors_of(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = safetensors.load_file(path)
    change(tensors)
    own = {name: tensor.clone() for name, tensor in tensors.items()}  # none may share memory
    safetensors.save_file(own, path, {"format": "pt"})

"""LoRA adapters trained by peft, and what models say with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peft
import safetensors.torch
import torch

from smolvlm_tools.checkpoint import find_adapter, open_checkpoint

DECODER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


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


def scores(backend: Any, ids: Any, tiles: Any) -> Any:
    features = [backend.encode(tiles)] if len(tiles) else []
    return np.asarray(backend.forward(ids, backend.create_cache(len(ids)), features))


def their_scores(model: Any, ids: Any, tiles: Any) -> Any:
    inputs = {"pixel_values": torch.from_numpy(tiles)[None]} if len(tiles) else {}
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(ids)[None], **inputs).logits[0].numpy()


def change_config(adapter: Path, **changes: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_tensors_of(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    own = {name: tensor.clone() for name, tensor in tensors.items()}  # none may share memory
    safetensors.torch.save_file(own, path, {"format": "pt"})

"""The smallest files that open as a checkpoint; nothing could run on these weights."""

from __future__ import annotations

import json
import struct


def tiny_files() -> dict[str, bytes]:
    """Relative name to content, some of them files that must never be fetched."""
    config = {
        "model_type": "idefics3",
        "image_token_id": 3,
        "scale_factor": 2,
        "vision_config": {"image_size": 32, "patch_size": 4, "hidden_size": 8},
        "text_config": {
            "hidden_size": 8,
            "num_attention_heads": 2,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "vocab_size": 4,
        },
    }
    processor = {"max_image_size": {"longest_edge": 32}, "size": {"longest_edge": 64}}
    return {
        "config.json": json.dumps(config).encode(),
        "preprocessor_config.json": json.dumps(processor).encode(),
        "generation_config.json": b'{"eos_token_id": 2}',
        "tokenizer.json": _tokenizer(),
        "model.safetensors": tiny_safetensors(),
        "onnx/vision_encoder_int8.onnx": b"onnx" * 2000,
        "pytorch_model.bin": b"pickle",
        "modeling.py": b"raise SystemExit",
    }


def tiny_safetensors() -> bytes:
    """One tensor of 2048 zeros in float32."""
    entry = {"dtype": "F32", "shape": [32, 64], "data_offsets": [0, 8192]}
    header = json.dumps({"weight": entry, "__metadata__": {"format": "pt"}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8192)


def _tokenizer() -> bytes:
    from tokenizers import Tokenizer, models

    model = models.BPE(vocab={"a": 0, "b": 1, "c": 2, "d": 3}, merges=[])
    return Tokenizer(model).to_str().encode()

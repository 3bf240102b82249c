"""Writes a checkpoint folder in the hub's layout."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tiling import IMAGES, TILE
from tokenizer import LEADING, TRAILING
from tokenizers import Tokenizer
from transformers import Idefics3ForConditionalGeneration

CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
PREPROCESSOR = {
    "do_convert_rgb": True,
    "do_image_splitting": True,
    "do_normalize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "Idefics3ImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "max_image_size": {"longest_edge": TILE},
    "processor_class": "Idefics3Processor",
    "resample": 1,
    "rescale_factor": 1 / 255,
    "size": {"longest_edge": IMAGES.longest_edge},
}


def added(content: str) -> dict[str, Any]:
    """An added token as the configuration files spell it."""
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    return {"content": content, **flags}


def side_files(tokenizer: Tokenizer) -> dict[str, Any]:
    """Every JSON file beside the weights, tokenizer.json and config.json."""
    extra = ["<fake_token_around_image>", "<image>", "<end_of_utterance>"]
    named = {"bos_token": "<|im_start|>", "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>"}
    ids = {token: tokenizer.token_to_id(token) for token in (*LEADING, *TRAILING)}
    return {
        "generation_config.json": {
            "_from_model_config": True,
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids["<end_of_utterance>"],
            "pad_token_id": ids["<|im_end|>"],
        },
        "preprocessor_config.json": PREPROCESSOR,
        "processor_config.json": {"image_seq_len": 64, "processor_class": "Idefics3Processor"},
        "chat_template.json": {"chat_template": CHAT_TEMPLATE},
        "special_tokens_map.json": {
            "additional_special_tokens": [added(token) for token in extra],
            **{key: added(token) for key, token in named.items()},
            "eos_token": added("<end_of_utterance>"),
        },
        "tokenizer_config.json": {
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(number): {**added(token), "special": True} for token, number in ids.items()
            },
            "additional_special_tokens": extra,
            **named,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": "<end_of_utterance>",
            "legacy": False,
            "model_max_length": 8192,
            "processor_class": "Idefics3Processor",
            "tokenizer_class": "GPT2Tokenizer",
            "truncation_side": "left",
            "vocab_size": tokenizer.get_vocab_size(),
        },
    }


def export(model: Idefics3ForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the folder, replacing an older one in one go.

    Args:
        model: The trained network; its weights are rounded to fp16 in the file.
        tokenizer: The tokenizer it was trained with.
        folder: Where to write.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent))
    fresh.chmod(0o755)
    config = {**model.config.to_diff_dict(), "architectures": ["Idefics3ForConditionalGeneration"]}
    config["model_type"] = "idefics3"
    config["torch_dtype"] = "float16"
    for name, content in {"config.json": config, **side_files(tokenizer)}.items():
        (fresh / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    tokenizer.save(str(fresh / "tokenizer.json"))
    weights = {name: value.to(torch.float16) for name, value in model.state_dict().items()}
    save_file(weights, str(fresh / "model.safetensors"), metadata={"format": "pt"})
    (fresh / "model.safetensors").chmod(0o644)  # save_file makes it private
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)

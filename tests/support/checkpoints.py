"""Tiny random checkpoints in the hub's layout, and where the reference files are."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkpoints.safetensors_stream import write_checkpoint
from benchmarks.checkpoints.weights import random_source, tensor_shapes
from smolvlm_tools.checkpoint.config import ModelConfig
from tests.support.paths import ROOT

CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
BASE_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
FAKE, IMAGE, END = "<fake_token_around_image>", "<image>", "<end_of_utterance>"
GRID_MARKERS = (
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)
BASE_VOCABULARY = 308
SAMPLE_TEXT = (
    "User: What is in this image?\nAssistant: The image shows a large red circle and a square.\n"
    "User: Can you describe the picture?\n\nUser:Describe it.\nAssistant: There are 12 shapes.\n\n"
)


@dataclass(frozen=True)
class Shape:
    """Numbers of a tiny checkpoint; `markers`: whether grid positions have tokens of their own."""

    tile: int
    patch: int
    scale: int
    longest_edge: int
    vision: tuple[int, int, int, int]  # hidden, heads, layers, ffn
    text: tuple[int, int, int, int, int, int]  # hidden, heads, kv heads, head_dim, layers, ffn
    markers: bool

    @property
    def tokens_per_tile(self) -> int:
        return (self.tile // self.patch // self.scale) ** 2


SHAPES = {
    # 8x8 patches, 16 tokens a tile, grouped queries
    "a": Shape(32, 4, 2, 128, (48, 3, 2, 80), (64, 2, 1, 32, 3, 112), markers=True),
    # odd grid of 9x9 patches, 9 tokens a tile, heads wider than hidden / heads;
    # markers as plain text: SmolVLM-Instruct's tokenizer has no tokens for them
    "b": Shape(45, 5, 3, 135, (64, 4, 2, 96), (80, 5, 5, 32, 2, 100), markers=False),
}


def reference_folder() -> Path | None:
    """The folder of reference files, or None: SMOLVLM_REFERENCE or ../shared/reference."""
    named = os.environ.get("SMOLVLM_REFERENCE")
    beside = ROOT.parent / "shared" / "reference"
    folder = Path(named) if named else beside
    return folder if folder.is_dir() else None


def build_tiny_checkpoint(
    folder: Path, shape: str = "a", model_type: str = "idefics3", seed: int = 0
) -> Path:
    """Write a checkpoint of a few hundred thousand random fp32 weights into `folder`.

    Args:
        folder: made if absent.
        shape: a key of `SHAPES`.
        model_type: "idefics3" (v1 layout) or "smolvlm" (v2 layout; transformers' own processor
            for it needs torchvision, its model does not).
        seed: of the weights.
    """
    numbers = SHAPES[shape]
    folder.mkdir(parents=True, exist_ok=True)
    added = _write_tokenizer(folder, numbers, model_type)
    _write_configs(folder, numbers, model_type, added)
    config = ModelConfig.from_folder(folder)
    write_checkpoint(folder, tensor_shapes(config), random_source(seed), "fp32")
    return folder


def _write_tokenizer(folder: Path, shape: Shape, model_type: str) -> dict[str, int]:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BASE_VOCABULARY,
        special_tokens=list(BASE_SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SAMPLE_TEXT], trainer)
    markers = GRID_MARKERS if shape.markers else ()
    names = (*markers, FAKE, IMAGE, END)
    tokenizer.add_special_tokens([AddedToken(n, special=True, normalized=False) for n in names])
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {name: tokenizer.token_to_id(name) for name in (*BASE_SPECIALS, *names)}
    _write_json(folder / "added_tokens.json", {name: ids[name] for name in names})
    _write_json(folder / "special_tokens_map.json", _special_tokens_map())
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(ids, model_type))
    return ids


def _special_tokens_map() -> dict[str, Any]:
    return {
        "additional_special_tokens": [_token_entry(name) for name in (FAKE, IMAGE, END)],
        "bos_token": _token_entry("<|im_start|>"),
        "eos_token": _token_entry("<|im_end|>"),
        "pad_token": _token_entry("<|im_end|>"),
        "unk_token": _token_entry("<|endoftext|>"),
    }


def _tokenizer_config(ids: dict[str, int], model_type: str) -> dict[str, Any]:
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(number): _token_entry(name) | {"special": True} for name, number in ids.items()
        },
        "additional_special_tokens": [FAKE, IMAGE, END],
        "bos_token": "<|im_start|>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "legacy": False,
        "model_max_length": 4096,
        "pad_token": "<|im_end|>",
        "processor_class": _class_name(model_type, "Processor"),
        "tokenizer_class": "GPT2Tokenizer",
        "truncation_side": "left",
        "unk_token": "<|endoftext|>",
    }


def _token_entry(name: str) -> dict[str, Any]:
    flags = ("lstrip", "normalized", "rstrip", "single_word")
    return {"content": name, **dict.fromkeys(flags, False)}


def _write_configs(folder: Path, shape: Shape, model_type: str, ids: dict[str, int]) -> None:
    processor_class = _class_name(model_type, "Processor")
    _write_json(folder / "config.json", _model_config(shape, model_type, ids))
    _write_json(
        folder / "generation_config.json",
        {"bos_token_id": 0, "eos_token_id": ids[END], "pad_token_id": 2},
    )
    _write_json(
        folder / "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_image_splitting": True,
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": _class_name(model_type, "ImageProcessor"),
            "image_std": [0.5, 0.5, 0.5],
            "max_image_size": {"longest_edge": shape.tile},
            "processor_class": processor_class,
            "resample": 1,
            "rescale_factor": 1 / 255,
            "size": {"longest_edge": shape.longest_edge},
        },
    )
    _write_json(
        folder / "processor_config.json",
        {"image_seq_len": shape.tokens_per_tile, "processor_class": processor_class},
    )
    _write_json(folder / "chat_template.json", {"chat_template": CHAT_TEMPLATE})


def _model_config(shape: Shape, model_type: str, ids: dict[str, int]) -> dict[str, Any]:
    vision_hidden, vision_heads, vision_layers, vision_ffn = shape.vision
    hidden, heads, kv_heads, head_dim, layers, ffn = shape.text
    vocabulary = ids[END] + 1
    return {
        "architectures": [_class_name(model_type, "ForConditionalGeneration")],
        "image_token_id": ids[IMAGE],
        "model_type": model_type,
        "pad_token_id": 2,
        "scale_factor": shape.scale,
        "text_config": {
            "bos_token_id": 1,
            "eos_token_id": 2,  # wrong for stopping, as in the hub's files
            "head_dim": head_dim,
            "hidden_act": "silu",
            "hidden_size": hidden,
            "intermediate_size": ffn,
            "max_position_embeddings": 4096,
            "model_type": "llama",
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "num_key_value_heads": kv_heads,
            "pad_token_id": 2,
            "rms_norm_eps": 1e-5,
            "rope_theta": 100000,
            "tie_word_embeddings": False,
            "torch_dtype": "float32",
            "vocab_size": vocabulary,
        },
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "use_cache": True,
        "vision_config": {
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": vision_hidden,
            "image_size": shape.tile,
            "intermediate_size": vision_ffn,
            "layer_norm_eps": 1e-6,
            "model_type": "smolvlm_vision" if model_type == "smolvlm" else "idefics3_vision",
            "num_attention_heads": vision_heads,
            "num_hidden_layers": vision_layers,
            "patch_size": shape.patch,
        },
        "vocab_size": vocabulary,
    }


def _class_name(model_type: str, part: str) -> str:
    return {"idefics3": "Idefics3", "smolvlm": "SmolVLM"}[model_type] + part


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def real_folder(folder: Path, tmp_path: Path) -> Path:
    """A copy whose tokenizer.json is the file that a stub of the reference points to."""
    tokenizer = folder / "tokenizer.json"
    if tokenizer.stat().st_size < 200:
        tokenizer = folder / tokenizer.read_text().strip()
    for file in folder.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return tmp_path

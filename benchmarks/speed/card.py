"""The model card's loop over ONNX Runtime, on files like those on the hub.

As printed there, the loop starts positions at 1, stops on `<|im_end|>` and shows the decoder a mask
of length 1 after the first token. Those three are corrected; everything else is as on the card:
one session per file with default options, all tiles in one run, a concatenated cache that is copied
in and out at every token, logits of all positions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.paths import plain_folder
from benchmarks.speed.calls import Request, Timing, mean_gap
from benchmarks.speed.transformers import load_processor, make_inputs
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound


class CardLoop:
    """Three sessions and numpy between them."""

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
            import transformers  # noqa: F401  the card prepares its inputs with it
        except ImportError as error:
            raise BackendUnavailable(
                f"the model card's loop needs onnxruntime and transformers ({error})",
                "pip install 'smolvlm-tools[export]'",
            ) from error
        files = plain_folder(folder) / "onnx"
        names = ("vision_encoder", "embed_tokens", "decoder_model_merged")
        missing = [name for name in names if not (files / f"{name}.onnx").is_file()]
        if missing:
            raise ModelNotFound(
                f"{files} has no {missing[0]}.onnx",
                "python -m benchmarks.bench exports them for the checkpoint it builds.",
            )
        self._vision, self._embed, self._decoder = (
            onnxruntime.InferenceSession(str(files / f"{name}.onnx")) for name in names
        )
        self._processor = load_processor(folder)
        self._config = ModelConfig.from_folder(folder)

    def reply(self, request: Request, new_tokens: int) -> Timing:
        start = time.perf_counter()
        inputs = make_inputs(self._processor, [request], self._config.image.tile_size, "np")
        prepared = time.perf_counter()
        ids, tiles, vision = inputs["input_ids"], 0, 0.0
        embeds = self._embed.run(None, {"input_ids": ids})[0]
        if request.images:
            tiles = inputs["pixel_values"].shape[1]
            feeds = {
                "pixel_values": inputs["pixel_values"],
                "pixel_attention_mask": inputs["pixel_attention_mask"].astype(np.bool_),
            }
            features = self._vision.run(["image_features"], feeds)[0]
            vision = time.perf_counter() - prepared
            mask = ids == self._config.image_token_id
            embeds[mask] = features.reshape(-1, features.shape[-1])
        arrivals = self._decode(embeds, new_tokens)
        return Timing(
            prompt_tokens=ids.shape[1],
            tiles=tiles,
            prepare=prepared - start,
            vision=vision,
            prefill=arrivals[0] - prepared - vision,
            first_token=arrivals[0] - start,
            step=mean_gap(arrivals),
        )

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        # the card's loop takes one conversation
        start = time.perf_counter()
        for request in requests:
            self.reply(request, new_tokens)
        return time.perf_counter() - start

    def close(self) -> None:
        del self._vision, self._embed, self._decoder

    def _decode(self, embeds: Any, new_tokens: int) -> list[float]:
        text = self._config.text
        empty = np.zeros((1, text.kv_heads, 0, text.head_dim), np.float32)
        past = {
            f"past_key_values.{layer}.{kind}": empty
            for layer in range(text.layers)
            for kind in ("key", "value")
        }
        # by name: an exporter may put the logits elsewhere than first
        outputs = ["logits", *(name.replace("past_key_values", "present") for name in past)]
        mask = np.ones((1, embeds.shape[1]), np.int64)
        positions = np.cumsum(mask, axis=-1) - 1
        arrivals: list[float] = []
        for _ in range(new_tokens):
            feeds = {"inputs_embeds": embeds, "attention_mask": mask, "position_ids": positions}
            logits, *present = self._decoder.run(outputs, feeds | past)
            ids = logits[:, -1].argmax(-1, keepdims=True)
            arrivals.append(time.perf_counter())
            past = dict(zip(past, present, strict=True))
            mask = np.ones((1, mask.shape[1] + 1), np.int64)
            positions = positions[:, -1:] + 1
            embeds = self._embed.run(None, {"input_ids": ids})[0]
        return arrivals

"""The engines under measurement, each behind the same two calls.

A column is named by what it is made of: `onnx:int8`, `torch:bf16` (this project's backends, through
its public API) or `transformers:bf16:sdpa` (the library's own `generate`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from smolvlm_tools.errors import BackendUnavailable, BadOptions

QUICK_ENGINES = (
    "onnx:fp32",
    "onnx:int8",
    "onnx:q4",
    "torch:fp32",
    "torch:bf16",
    "transformers:fp32:sdpa",
    "transformers:bf16:sdpa",
)
FULL_ENGINES = (*QUICK_ENGINES, "transformers:fp32:eager", "transformers:bf16:eager")
YARDSTICK = "transformers"

TORCH_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
ATTENTION = ("sdpa", "eager")


@dataclass(frozen=True, slots=True)
class Timing:
    """One reply. All times in seconds; `step` is the mean between two tokens (0 with one)."""

    prompt_tokens: int
    tiles: int
    vision: float
    prefill: float
    first_token: float
    step: float


class Engine(Protocol):
    """A loaded model."""

    def prepare(self, image: Path) -> None:
        """Read an image file and make the tiles of the checkpoint's native resolution."""
        ...

    def reply(self, text: str, image: Path | None, *, split: bool, new_tokens: int) -> Timing:
        """Decode exactly `new_tokens` greedily; `split` False shows the image as one tile."""
        ...


def check_engine(name: str) -> None:
    """Raise BadOptions if no engine is called `name`."""
    backend, *rest = name.split(":")
    known = (
        len(rest) == 2 and rest[0] in TORCH_NAMES and rest[1] in ATTENTION
        if backend == "transformers"
        else backend in ("onnx", "torch") and len(rest) == 1
    )
    if not known:
        raise BadOptions(
            f"unknown engine {name!r}", f"Known ones look like: {', '.join(FULL_ENGINES)}."
        )


def load_engine(name: str, folder: Path) -> Engine:
    """Load the checkpoint in `folder`.

    Raises:
        BadOptions: an unknown name.
        ModelError: the engine is not installed or the folder lacks its files.
    """
    check_engine(name)
    backend, precision, *rest = name.split(":")
    if backend == "transformers":
        return _Transformers(folder, precision, rest[0])
    return _Ours(folder, backend, precision)


class _Ours:
    def __init__(self, folder: Path, backend: str, precision: str) -> None:
        from smolvlm_tools import SmolVLM
        from smolvlm_tools.images import ImagePolicy
        from smolvlm_tools.model_config import ModelConfig

        self._image_config = ModelConfig.from_folder(folder).image
        self._policy = ImagePolicy()
        self._vlm = SmolVLM.load(folder, backend=backend, precision=precision, device="cpu")

    def prepare(self, image: Path) -> None:
        from smolvlm_tools.images import load_image
        from smolvlm_tools.preprocess import make_tiles
        from smolvlm_tools.resolution import plan_grid

        loaded = load_image(image, self._policy)
        grid = plan_grid(loaded.size, self._image_config, "native")
        make_tiles(loaded.pixels, grid, self._image_config)

    def reply(self, text: str, image: Path | None, *, split: bool, new_tokens: int) -> Timing:
        start = time.perf_counter()
        arrivals: list[float] = []
        result = None
        for chunk in self._vlm.stream(
            [_message(text, {"type": "image", "image": image} if image else None)],
            max_new_tokens=new_tokens,
            ignore_eos=True,
            repetition_guard=False,
            resolution="native" if split else 1,
        ):
            arrivals.append(time.perf_counter())
            result = chunk.result
        assert result is not None  # the last chunk carries it
        usage = result.usage
        return Timing(
            prompt_tokens=usage.prompt_tokens,
            tiles=usage.tiles,
            vision=usage.seconds.vision,
            prefill=usage.seconds.prefill,
            first_token=arrivals[0] - start,
            step=_mean_gap(arrivals),
        )


class _Transformers:
    def __init__(self, folder: Path, precision: str, attention: str) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import torch
            from transformers import AutoModelForImageTextToText, logging
        except ImportError as error:
            raise BackendUnavailable(
                f"transformers is not installed ({error})", "pip install 'smolvlm-tools[torch]'"
            ) from error
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self._processor = _processor(folder)
        dtype = getattr(torch, TORCH_NAMES[precision])
        self._model: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention
        ).eval()
        self._model.generation_config.eos_token_id = None  # decode on to the asked length
        self._vision_start = self._vision_seconds = 0.0
        inner = self._model.model
        inner.vision_model.register_forward_pre_hook(self._on_vision_start)
        inner.connector.register_forward_hook(self._on_vision_end)

    def _on_vision_start(self, *_: object) -> None:
        self._vision_start = time.perf_counter()

    def _on_vision_end(self, *_: object) -> None:
        self._vision_seconds += time.perf_counter() - self._vision_start

    def prepare(self, image: Path) -> None:
        self._inputs("Describe.", image, split=True)

    def _inputs(self, text: str, image: Path | None, *, split: bool) -> Any:
        from PIL import Image

        prompt = self._processor.apply_chat_template(
            [_message(text, {"type": "image"} if image else None)], add_generation_prompt=True
        )
        if image is None:
            return self._processor(text=prompt, return_tensors="pt")
        with Image.open(image) as opened:
            return self._processor(
                text=prompt, images=[[opened]], do_image_splitting=split, return_tensors="pt"
            )

    def reply(self, text: str, image: Path | None, *, split: bool, new_tokens: int) -> Timing:
        start = time.perf_counter()
        inputs = self._inputs(text, image, split=split)
        if "pixel_values" in inputs:
            inputs["pixel_values"] = inputs["pixel_values"].to(self._model.dtype)
        prepared = time.perf_counter()
        self._vision_seconds = 0.0
        arrivals: list[float] = []
        self._model.generate(
            **inputs,
            max_new_tokens=new_tokens,
            do_sample=False,
            pad_token_id=2,
            streamer=_Arrivals(arrivals.append),
        )
        arrivals = arrivals[1:]  # the first is the prompt itself
        return Timing(
            prompt_tokens=int(inputs["input_ids"].shape[1]),
            tiles=int(inputs["pixel_values"].shape[1]) if image else 0,
            vision=self._vision_seconds,
            prefill=arrivals[0] - prepared - self._vision_seconds,
            first_token=arrivals[0] - start,
            step=_mean_gap(arrivals),
        )


def _processor(folder: Path) -> Any:
    # not AutoProcessor: it loses the tokenizer's digit splitting, and SmolVLM2's wants torchvision
    from transformers import Idefics3ImageProcessorPil, Idefics3Processor, PreTrainedTokenizerFast

    settings = json.loads((folder / "processor_config.json").read_text(encoding="utf-8"))
    chat = json.loads((folder / "chat_template.json").read_text(encoding="utf-8"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
    )
    return Idefics3Processor(
        Idefics3ImageProcessorPil.from_pretrained(folder),
        tokenizer,
        image_seq_len=settings["image_seq_len"],
        chat_template=chat["chat_template"],
    )


class _Arrivals:
    """A streamer for `generate` that notes when each token comes."""

    def __init__(self, note: Callable[[float], None]) -> None:
        self._note = note

    def put(self, value: object) -> None:
        self._note(time.perf_counter())

    def end(self) -> None:
        pass


def _message(text: str, image: dict[str, Any] | None) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"role": "user", "content": [image, *content] if image else content}


def _mean_gap(arrivals: Sequence[float]) -> float:
    # no median of single gaps: a stream may hand over tokens in bursts
    return (arrivals[-1] - arrivals[0]) / max(1, len(arrivals) - 1)

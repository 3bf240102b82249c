"""transformers' own `generate` as an engine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.checkpoints.safetensors_stream import TORCH_NAMES
from benchmarks.prompts import conversation
from benchmarks.speed.calls import Request, Timing, mean_gap
from smolvlm_tools.errors import BackendUnavailable

PAD = 2


class Transformers:
    """`AutoModelForImageTextToText` on the CPU."""

    def __init__(self, folder: Path, precision: str, attention: str) -> None:
        self._model = load_model(folder, precision, attention)
        self._processor = load_processor(folder)
        self._tile = self._model.config.vision_config.image_size
        self._vision_start = self._vision_seconds = 0.0
        inner = self._model.model
        inner.vision_model.register_forward_pre_hook(self._on_vision_start)
        inner.connector.register_forward_hook(self._on_vision_end)

    def _on_vision_start(self, *_: object) -> None:
        self._vision_start = time.perf_counter()

    def _on_vision_end(self, *_: object) -> None:
        self._vision_seconds += time.perf_counter() - self._vision_start

    def reply(self, request: Request, new_tokens: int) -> Timing:
        start = time.perf_counter()
        inputs = self._inputs([request])
        prepared = time.perf_counter()
        self._vision_seconds = 0.0
        arrivals: list[float] = []
        self._generate(inputs, new_tokens, _Arrivals(arrivals))
        arrivals = arrivals[1:]  # the first is the prompt itself
        return Timing(
            prompt_tokens=int(inputs["input_ids"].shape[1]),
            tiles=int(inputs["pixel_values"].shape[1]) if request.images else 0,
            prepare=prepared - start,
            vision=self._vision_seconds,
            prefill=arrivals[0] - prepared - self._vision_seconds,
            first_token=arrivals[0] - start,
            step=mean_gap(arrivals),
        )

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        start = time.perf_counter()
        self._generate(self._inputs(requests), new_tokens, None)
        return time.perf_counter() - start

    @contextmanager
    def shallow(self) -> Any:
        """Skip all vision layers but the first, to see the peak of memory without the time.

        Layers run one after the other and free what they computed, so one has the same peak as
        all; every weight stays in memory.
        """
        encoder = self._model.model.vision_model.encoder
        layers = encoder.layers
        encoder.layers = layers[:1]
        try:
            yield
        finally:
            encoder.layers = layers

    def close(self) -> None:
        del self._model

    def _inputs(self, requests: Sequence[Request]) -> Any:
        inputs = make_inputs(self._processor, requests, self._tile, "pt")
        if "pixel_values" in inputs:
            inputs["pixel_values"] = inputs["pixel_values"].to(self._model.dtype)
        return inputs

    def _generate(self, inputs: Any, new_tokens: int, streamer: Any) -> None:
        self._model.generate(**inputs, **greedy(new_tokens), streamer=streamer)


def load_model(folder: Path, precision: str, attention: str) -> Any:
    """The checkpoint as transformers' model, which decodes past the end-of-utterance token."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import torch
        from transformers import AutoModelForImageTextToText, logging
    except ImportError as error:
        raise BackendUnavailable(
            f"transformers is not installed ({error})", "pip install 'smolvlm-tools[export]'"
        ) from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=getattr(torch, TORCH_NAMES[precision]), attn_implementation=attention
    )
    model.generation_config.eos_token_id = None
    return model.eval()


def greedy(new_tokens: int) -> dict[str, Any]:
    """Options of `generate`."""
    return {"max_new_tokens": new_tokens, "do_sample": False, "pad_token_id": PAD}


def load_processor(folder: Path) -> Any:
    """The checkpoint's `Idefics3Processor` with its true tokenizer.

    Not AutoProcessor: it loses the tokenizer's digit splitting, and SmolVLM2's needs torchvision.
    """
    from transformers import Idefics3ImageProcessorPil, Idefics3Processor, PreTrainedTokenizerFast

    settings = json.loads((folder / "processor_config.json").read_text(encoding="utf-8"))
    chat = json.loads((folder / "chat_template.json").read_text(encoding="utf-8"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
        padding_side="left",
    )
    return Idefics3Processor(
        Idefics3ImageProcessorPil.from_pretrained(folder),
        tokenizer,
        image_seq_len=settings["image_seq_len"],
        chat_template=chat["chat_template"],
    )


def make_inputs(processor: Any, requests: Sequence[Request], tile: int, tensors: str) -> Any:
    """The processor's tensors for one or more requests, padded on the left.

    For a single tile, `size={"longest_edge": tile}` is needed too: switching off splitting alone
    would still enlarge the image to 2048 pixels.
    """
    conversations = [conversation(each.text, each.images) for each in requests]
    prompts = processor.apply_chat_template(conversations, add_generation_prompt=True)
    if not requests[0].images:
        return processor(text=prompts, return_tensors=tensors)
    options: dict[str, Any] = {}
    if requests[0].resolution == 1:
        options = {"do_image_splitting": False, "size": {"longest_edge": tile}}
    options |= {"padding": True, "return_tensors": tensors}
    with ExitStack() as opened:
        images = [[opened.enter_context(Image.open(p)) for p in each.images] for each in requests]
        return processor(text=prompts, images=images, **options)


class _Arrivals:
    """A streamer for `generate` that notes when each token comes."""

    def __init__(self, arrivals: list[float]) -> None:
        self._arrivals = arrivals

    def put(self, value: object) -> None:
        self._arrivals.append(time.perf_counter())

    def end(self) -> None:
        pass

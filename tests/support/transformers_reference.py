"""What transformers itself makes of a prompt: the truth that this project is held against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image


@cache
def load_processor(folder: Path) -> Any:
    """Idefics3Processor over the checkpoint's own tokenizer.json and the PIL image processor.

    transformers' AutoTokenizer rebuilds the pre-tokenizer and loses the digit splitting, so the
    file itself is loaded; SmolVLM2's AutoProcessor would want torchvision, for the same pixels.
    """
    from transformers import Idefics3ImageProcessorPil, Idefics3Processor, PreTrainedTokenizerFast

    config = json.loads((folder / "processor_config.json").read_text())
    template = json.loads((folder / "chat_template.json").read_text())["chat_template"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
    )
    return Idefics3Processor(
        Idefics3ImageProcessorPil.from_pretrained(folder),
        tokenizer,
        image_seq_len=config["image_seq_len"],
        chat_template=template,
    )


def process(
    processor: Any, messages: list[dict[str, Any]], images: list[Image.Image], **options: Any
) -> Any:
    """input_ids and pixel_values for a conversation, as numpy arrays."""
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    return processor(
        images=[images] if images else None, text=[text], return_tensors="np", **options
    )


@cache
def load_model(folder: Path) -> Any:
    """transformers' own model in fp32 on the CPU."""
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()


def generate(
    folder: Path,
    messages: list[dict[str, Any]],
    images: list[Image.Image],
    max_new_tokens: int,
    side: int | None = None,
) -> list[int]:
    """Greedy token ids of transformers' `generate`, running past the end of the utterance.

    Args:
        side: longest edge in tiles; None leaves the checkpoint's own.
    """
    import torch

    processor = load_processor(folder)
    options: dict[str, Any] = {}
    if side is not None:
        tile = processor.image_processor.max_image_size["longest_edge"]
        options["size"] = {"longest_edge": side * tile}
    inputs = process(processor, messages, images, **options)
    tensors = {name: torch.tensor(value) for name, value in inputs.items()}
    with torch.inference_mode():
        output = load_model(folder).generate(
            **tensors,
            max_new_tokens=max_new_tokens,
            min_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=None,
        )
    return output[0, tensors["input_ids"].shape[1] :].tolist()

"""Ways to answer with a checkpoint folder: by transformers' own model, and by `smolvlm_tools`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from batches import Prompts
from PIL import Image
from tiling import auto_n, grid_of, make_tiles
from tokenizers import Tokenizer
from transformers import DynamicCache, Idefics3ForConditionalGeneration

from smolvlm_tools.prompt.tasks import extract_messages

Answer = Callable[[Image.Image, str, str], str]
"""To image, question and task (`describe`, `ask` or `transcribe`)."""

Extract = Callable[[Image.Image, dict[str, Any]], dict[str, Any]]
"""The fields of a JSON schema in an image; none where the answer is not JSON."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Greedy answers."""

    answer: Answer
    extract: Extract


def torch_answerer(folder: Path, limit: int = 160) -> Answerer:
    """Greedy answers by transformers' own model, in fp32, held to no form.

    Args:
        folder: A checkpoint folder.
        limit: The most tokens of an answer.
    """
    torch.set_num_threads(1)
    model = Idefics3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompts = Prompts(tokenizer)

    @torch.inference_mode()
    def answer(image: Image.Image, question: str, task: str) -> str:
        n = auto_n(image.size, at_least=2 if task == "transcribe" else 1)
        pixels = torch.from_numpy(make_tiles(image, n)).permute(0, 3, 1, 2)
        prompt = prompts.image_prefix(grid_of(image.size, n)) + prompts.question(question)
        cache, said = DynamicCache(config=model.config.text_config), []
        inputs = {"pixel_values": (pixels.float() / 127.5 - 1)[None]}
        ids = torch.tensor([prompt])
        while len(said) < limit:
            output = model(input_ids=ids, past_key_values=cache, use_cache=True, **inputs)
            token = int(output.logits[0, -1].argmax())
            if token == prompts.end:
                break
            said.append(token)
            ids, inputs = torch.tensor([[token]]), {}
        return tokenizer.decode(said).removeprefix(" ")

    def extract(image: Image.Image, schema: dict[str, Any]) -> dict[str, Any]:
        (message,) = extract_messages(image, schema)
        try:
            said = json.loads(answer(image, message.content[-1].text, "transcribe"))
        except json.JSONDecodeError:
            return {}
        return said if isinstance(said, dict) else {}

    return Answerer(answer, extract)


def product_answerer(
    folder: Path, backend: str = "auto", precision: str = "auto", limit: int = 160
) -> Answerer:
    """Greedy answers by `smolvlm_tools` itself, in any backend and precision.

    Args:
        folder: A checkpoint folder.
        backend: As in `SmolVLM.load`.
        precision: As in `SmolVLM.load`.
        limit: The most tokens of an answer.
    """
    from smolvlm_tools import SmolVLM

    vlm = SmolVLM.load(folder, backend=backend, precision=precision)

    def answer(image: Image.Image, question: str, task: str) -> str:
        # `ask` takes any wording; transcription wants at least two tiles, as `transcribe` has.
        resolution = auto_n(image.size, at_least=2 if task == "transcribe" else 1)
        result = vlm.ask(image, question, resolution=resolution, max_new_tokens=limit)
        return cast(str, result.text).strip()

    def extract(image: Image.Image, schema: dict[str, Any]) -> dict[str, Any]:
        resolution = auto_n(image.size, at_least=2)
        result = vlm.extract(image, schema, resolution=resolution, max_new_tokens=limit)
        return cast("dict[str, Any]", result.value)

    return Answerer(answer, extract)

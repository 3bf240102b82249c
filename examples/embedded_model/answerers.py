"""Ways to answer with a checkpoint folder; each is called with image, question and task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from batches import Prompts
from PIL import Image
from tiling import auto_n, grid_of, make_tiles
from tokenizers import Tokenizer
from transformers import DynamicCache, Idefics3ForConditionalGeneration

Answer = Callable[[Image.Image, str, str], str]


def torch_answerer(folder: Path, limit: int = 160) -> Answer:
    """Greedy answers by transformers' own model, in fp32.

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

    return answer


def product_answerer(
    folder: Path, backend: str = "auto", precision: str = "auto", limit: int = 160
) -> Answer:
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

    return answer

"""Time to first token and decode speed on a page, for `SmolVLM` and transformers' `generate`.

All are timed from image file to token ids on the host: a reply of one token, and one of
`NEW_TOKENS`; the difference is the decode steps. Nothing is reused between two replies. Of
`SmolVLM` also without CUDA graphs, of transformers also with its static cache, and of `SmolVLM`
eight requests together.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.gpu.task import GpuTask, ask
from benchmarks.process import Answer
from benchmarks.prompts import QUESTION, conversation, exactly
from benchmarks.speed.calls import Request

WARM_UPS = 2
RUNS = 7
NEW_TOKENS = 129
TOGETHER_TOKENS = 64
TOGETHER_RUNS = 3

Reply = Callable[[int], int]
"""Decodes so many tokens and returns the prompt's length."""


def time_replies(reply: Reply, synchronize: Callable[[], None], runs: int = RUNS) -> Answer:
    """Medians over `runs` replies of one and of `NEW_TOKENS` tokens, in turns, after a warm-up."""
    seconds: dict[int, list[float]] = {1: [], NEW_TOKENS: []}
    prompt = 0
    for number in range(WARM_UPS + runs):
        for count, taken in seconds.items():
            synchronize()
            start = time.perf_counter()
            prompt = reply(count)
            synchronize()
            if number >= WARM_UPS:
                taken.append(time.perf_counter() - start)
    first, whole = (statistics.median(taken) for taken in seconds.values())
    return {
        "prompt_tokens": prompt,
        "first_token_s": first,
        "decode_tokens_per_s": (NEW_TOKENS - 1) / max(whole - first, 1e-9),
        "runs": runs,
        "seconds": {str(count): taken for count, taken in seconds.items()},
    }


def ours(task: GpuTask, *, captured: bool = True) -> Answer:
    """`SmolVLM` in bf16, without caches.

    Args:
        captured: whether decode steps are CUDA graphs.
    """
    message = conversation(QUESTION, [task.images.pages[0]])
    with task.load(precision="bf16", cache=False) as vlm:
        steps = vlm._pipeline.backend._steps  # None but on CUDA
        if steps is not None and not captured:
            steps._capture = False

        def reply(count: int) -> int:
            result = ask(vlm, message, count, resolution="native")
            assert result.usage.completion_tokens == count
            return result.usage.prompt_tokens

        found = time_replies(reply, lambda: None)  # tokens are numbers on the host by then
        return found | {"graphs": len(steps._captured) if steps is not None else 0}


def together(task: GpuTask) -> Answer:
    """Eight requests of one tile each, one by one and in one batch, in turns after a warm-up."""
    messages = [conversation(QUESTION, [path]) for path in task.images.small]
    options: dict[str, Any] = exactly(TOGETHER_TOKENS) | {"resolution": 1}
    seconds: dict[str, list[float]] = {"one_by_one": [], "together": []}
    with task.load(precision=task.argument, cache=False, batch_size=len(messages)) as vlm:
        ways: dict[str, Callable[[], Any]] = {
            "one_by_one": lambda: [vlm.generate(each, **options) for each in messages],
            "together": lambda: vlm.batch(messages, **options),
        }
        for number in range(1 + TOGETHER_RUNS):
            for name, answer in ways.items():
                start = time.perf_counter()
                answer()
                if number:
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def transformers(task: GpuTask, **options: Any) -> Answer:
    """`Idefics3ForConditionalGeneration.generate` in bf16 with sdpa attention.

    Args:
        options: of `generate`, besides greedy decoding.
    """
    import torch

    from benchmarks.speed.transformers import greedy, load_model, load_processor, make_inputs

    model = load_model(task.folder, "bf16", "sdpa").to(task.device)
    processor = load_processor(task.folder)
    request = Request(QUESTION, (task.images.pages[0],))
    tile = model.config.vision_config.image_size

    def reply(count: int) -> int:
        inputs = make_inputs(processor, [request], tile, "pt")
        inputs = inputs.to(task.device, torch.bfloat16)  # integers keep their type
        with torch.inference_mode():
            ids = model.generate(**inputs, **greedy(count), **options).cpu()
        prompt = inputs["input_ids"].shape[1]
        assert ids.shape[1] == prompt + count
        return int(prompt)

    def synchronize() -> None:
        if torch.device(task.device).type == "cuda":
            torch.cuda.synchronize(task.device)

    return time_replies(reply, synchronize)


SPEEDS: Mapping[str, Callable[[GpuTask], Answer]] = {
    "ours": ours,
    "ours without graphs": partial(ours, captured=False),
    "transformers": transformers,
    "transformers, static cache": partial(transformers, cache_implementation="static"),
}

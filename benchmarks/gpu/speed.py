"""Time to first token and decode speed on a page, for `SmolVLM` and transformers' `generate`.

Both are timed from image file to token ids on the host: a reply of one token, and one of
`NEW_TOKENS`; the difference is the decode steps. Nothing is reused between two replies.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from benchmarks.gpu.task import GpuTask, ask
from benchmarks.process import Answer
from benchmarks.prompts import QUESTION, conversation
from benchmarks.speed.calls import Request

WARM_UPS = 2
RUNS = 7
NEW_TOKENS = 129

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


def ours(task: GpuTask) -> Answer:
    """`SmolVLM` in bf16, without caches."""
    message = conversation(QUESTION, [task.images.pages[0]])
    with task.load(precision="bf16", cache=False) as vlm:

        def reply(count: int) -> int:
            result = ask(vlm, message, count, resolution="native")
            assert result.usage.completion_tokens == count
            return result.usage.prompt_tokens

        return time_replies(reply, lambda: None)  # tokens are numbers on the host by then


def transformers(task: GpuTask) -> Answer:
    """`Idefics3ForConditionalGeneration.generate` in bf16 with sdpa attention, its defaults."""
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
            ids = model.generate(**inputs, **greedy(count)).cpu()
        prompt = inputs["input_ids"].shape[1]
        assert ids.shape[1] == prompt + count
        return int(prompt)

    def synchronize() -> None:
        if torch.device(task.device).type == "cuda":
            torch.cuda.synchronize(task.device)

    return time_replies(reply, synchronize)


SPEEDS: Mapping[str, Callable[[GpuTask], Answer]] = {"ours": ours, "transformers": transformers}

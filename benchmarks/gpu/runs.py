"""What is measured on a GPU, one function per process.

Each takes a `GpuTask` and returns JSON values, which `verdicts` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.exhaustion import exhaust
from benchmarks.gpu.memory import CudaGpu
from benchmarks.gpu.speed import SPEEDS, together
from benchmarks.gpu.task import GpuTask, ask, token_ids, usage_of
from benchmarks.prompts import conversation, exactly, image_files
from smolvlm_tools.errors import BackendUnavailable, BadOptions, OutOfMemoryBudget

NEW_TOKENS = 64
PARITY_TOKENS = 32
POSITIONS = 64
"""Next-token distributions that two precisions are compared on."""

TEXTS = ("Name three colors.", "What is the tallest mountain on earth?", "Count from one to ten.")


def memory(task: GpuTask) -> dict[str, Any]:
    """Peaks while loading in the precision `task.argument` and describing two pages."""
    gpu = task.gpu
    gpu.reset()
    with task.load(precision=task.argument) as vlm:
        found: dict[str, Any] = {"loaded": gpu.allocated(), "peaks": [gpu.peak()]}
        reserved = [gpu.reserved()]
        usages: list[dict[str, Any]] = []
        for page in task.images.pages[:2]:
            message = conversation("Describe.", [page])
            usages.append(usage_of(ask(vlm, message, NEW_TOKENS, resolution="native")))
            found["peaks"].append(gpu.peak())
            reserved.append(gpu.reserved())
        driver = gpu.driver()
        planned = vlm.load_plan.predicted_bytes if vlm.load_plan else None
    return found | {
        "reserved": max(reserved),
        "requests": usages,
        "planned": planned,
        "driver": driver.bytes,
        "driver_source": driver.source,
    }


def budget(task: GpuTask) -> dict[str, Any]:
    """Load under the budget `task.argument`, or under the one that its refusal names."""
    found: dict[str, Any] = {"refused": None, "needed": None, "allocated_before": 0}
    task.gpu.reset()
    allowed: int | str = task.argument
    try:
        vlm = task.load(memory_budget=allowed)
    except OutOfMemoryBudget as error:
        found |= {"refused": str(error), "needed": error.needed_bytes}
        found["allocated_before"] = task.gpu.allocated()
        if error.needed_bytes is None:
            return found
        vlm = task.load(memory_budget=error.needed_bytes)
    with vlm:
        plan = vlm.load_plan
        assert plan is not None  # `load` always has one
        found |= {"budget": plan.budget_bytes, "precision": plan.precision_name}
        found["given_up"] = list(plan.given_up)
        peaks, reserved = [task.gpu.peak()], [task.gpu.reserved()]
        requests: list[dict[str, Any]] = []
        for images in ([task.images.square], task.images.pages):
            message = conversation("Describe.", images)
            try:
                requests.append(usage_of(ask(vlm, message, NEW_TOKENS)))
            except OutOfMemoryBudget as error:
                requests.append({"error": str(error)})
            peaks.append(task.gpu.peak())
            reserved.append(task.gpu.reserved())
        found["limit_holds"] = task.gpu.refuses(plan.budget_bytes or 0)
    return found | {"requests": requests, "peak": max(peaks), "reserved": max(reserved)}


def parity(task: GpuTask) -> dict[str, Any]:
    """Greedy tokens in float32 on the GPU, alone, again, together, and on a CPU."""
    requests = [conversation(text) for text in TEXTS]
    requests.append(conversation("What is this?", [task.images.icon]))
    options: dict[str, Any] = {"resolution": 1, "logprobs": True}

    def alone(vlm: Any) -> list[list[int]]:
        return [token_ids(ask(vlm, each, PARITY_TOKENS, **options)) for each in requests]

    with task.load(precision="fp32") as vlm:
        found = {"alone": alone(vlm), "again": alone(vlm)}
        together = vlm.batch(requests, **exactly(PARITY_TOKENS), **options)
        found["together"] = [token_ids(result) for result in together]
    with task.load(precision="fp32", device="cpu") as vlm:
        found["cpu"] = alone(vlm)
    return found


def kinds(task: GpuTask) -> dict[str, Any]:
    """Next-token scores of the precision `task.argument` against bf16's on the same tokens."""
    exact = scores(task, "bf16")
    try:
        found = scores(task, task.argument)
    except BackendUnavailable as error:
        return {"refused": str(error)}
    return compare(exact, found)


def scores(task: GpuTask, precision: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Logits (POSITIONS, vocab) float32 after each token of a fixed text, by prefill and steps."""
    from smolvlm_tools import open_checkpoint
    from smolvlm_tools.backends.choose import load_backend

    checkpoint = open_checkpoint(task.folder)
    vocabulary = checkpoint.config.text.vocab_size
    ids = np.random.default_rng(0).integers(0, min(vocabulary, 49152), 2 * POSITIONS)
    backend = load_backend(checkpoint, "torch", precision, task.device)
    try:
        cache = backend.create_cache(len(ids))
        rows = [backend.forward(ids[:POSITIONS], cache)]
        for token in ids[POSITIONS:-1]:
            rows.append(backend.step(np.array([token]), [cache])[0])
        backend.release_cache(cache)
    finally:
        backend.close()
    return np.stack(rows).astype(np.float32)


def compare(exact: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How often the likeliest token is the same, and the mean cosine of the centred scores."""
    first, second = (x - x.mean(1, keepdims=True) for x in (exact, found))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return {
        "agreement": float((exact.argmax(1) == found.argmax(1)).mean()),
        "cosine": float(((first * second).sum(1) / lengths).mean()),
    }


RUNS: Mapping[str, Callable[[GpuTask], dict[str, Any]]] = {
    "memory": memory,
    "budget": budget,
    "speed": lambda task: SPEEDS[task.argument](task),
    "together": together,
    "exhaust": exhaust,
    "kinds": kinds,
    "parity": parity,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One process to run: a function of `RUNS`, and its argument."""

    group: str
    argument: str

    def __str__(self) -> str:
        return f"{self.group}, {self.argument}"


def run(group: str, argument: str, folder: str, images: str, device: str) -> dict[str, Any]:
    """Run one of `RUNS`; needs a fresh process, with an empty allocator and no CUDA context."""
    gpu = CudaGpu(device)
    return RUNS[group](GpuTask(Path(folder), image_files(Path(images)), device, argument, gpu))


def all_runs(groups: Sequence[str] = ()) -> list[Wanted]:
    """Every run, or those of some groups, in order."""
    from smolvlm_tools.backends.torch.names import FLOATS, KINDS

    unknown = [group for group in groups if group not in RUNS]
    if unknown:
        raise BadOptions(f"unknown check {unknown[0]!r}", f"Choose from: {', '.join(RUNS)}.")
    quantized = [kind for kind in KINDS if kind not in FLOATS]
    libraries = [kind for kind in quantized if "-" in kind]
    arguments = {
        "memory": ["bf16", *libraries],
        "budget": ["1GB", "150MB"],
        "speed": list(SPEEDS),
        "together": ["bf16"],
        "exhaust": ["bf16"],
        "kinds": quantized,
        "parity": ["fp32"],
    }
    return [
        Wanted(group, argument)
        for group, each in arguments.items()
        if not groups or group in groups
        for argument in each
    ]

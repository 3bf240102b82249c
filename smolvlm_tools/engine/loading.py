"""From a wish and a budget to a plan, and from a plan to what keeps to it; loads no weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from ..backends.base import AnyBackend
from ..backends.choose import check_names, choose_backend, load_backend
from ..backends.footprint import Setup, footprint_of
from ..backends.precision import Precision
from ..backends.setups import device_for, possible_setups
from ..backends.torch.backend import TILES_PER_BATCH
from ..cache import CacheLimits
from ..checkpoint import AdapterFiles, Checkpoint, open_checkpoint
from ..errors import OutOfMemoryBudget, SmolVLMError
from ..images import ImagePolicy, LoadedImage
from ..machine.amounts import parse_bytes
from ..machine.exhaustion import out_of_memory, ran_out
from ..machine.heap import trim_heap
from ..machine.meter import Meter, resident
from ..memory.guard import MemoryGuard
from ..memory.plan import Choices, LoadPlan, Process, View, choose_load_plan
from ..prompt.layout import Layout, Reader
from ..prompt.request import Request
from ..prompt.resolution import check_resolution
from ..prompt.tasks import task_messages
from ..types import GenerationOptions, Resolution


def open_reader(checkpoint: Checkpoint, policy: ImagePolicy | None, limits: CacheLimits) -> Reader:
    """A reader that remembers images where features or prompts are kept."""
    reader = Reader.open(checkpoint, policy or ImagePolicy(), remember=limits.keep_anything)
    trim_heap()  # reading a tokenizer's JSON leaves 15 MB of holes
    return reader


def this_process() -> Process:
    """The process that this code runs in."""
    return Process(resident().now(), frozenset(sys.modules))


def largest_request(reader: Reader, resolution: Resolution) -> tuple[Request, Layout]:
    """A description of the largest image that the checkpoint looks at, as a workload."""
    edge = reader.checkpoint.config.image.longest_edge
    request = Request(task_messages("", "describe"), GenerationOptions(), resolution, "describe")
    return request, reader.cut(request, (LoadedImage(_no_pixels, "", (edge, edge)),))


def plan_model(
    name: str | Path = "256m",
    *,
    backend: str = "auto",
    precision: Precision = "auto",
    device: str = "auto",
    memory_budget: int | str | None = None,
    resolution: Resolution = "auto",
    revision: str | None = None,
    local_files_only: bool = False,
) -> LoadPlan:
    """How `SmolVLM.load` would load a checkpoint into this process, and what it would take.

    The workload is a description of the largest image that the checkpoint looks at. No weights are
    fetched or loaded, and the device need not be there. Arguments as of `SmolVLM.load`.

    Raises:
        OutOfMemoryBudget: nothing that was allowed fits; `needed_bytes` would.
        ModelNotFound, ModelInvalid, BadOptions: see `SmolVLM.load`.
    """
    check_names(backend, precision, device)
    budget = None if memory_budget is None else parse_bytes(memory_budget)
    checkpoint = open_checkpoint(name, revision=revision, local_files_only=local_files_only)
    chosen = check_resolution(resolution, checkpoint.config.image)
    reader = open_reader(checkpoint, None, CacheLimits())
    return plan_load(
        reader,
        *largest_request(reader, chosen),
        backend=backend,
        precision=precision,
        device=device,
        budget=budget,
        process=this_process(),
    )


def plan_load(
    reader: Reader,
    request: Request,
    layout: Layout,
    *,
    backend: str = "auto",
    precision: Precision = "auto",
    device: str = "auto",
    caches: CacheLimits | None = None,
    batch: int = 1,
    budget: int | None = None,
    process: Process,
) -> LoadPlan:
    """How a checkpoint would be loaded for a workload.

    Args:
        reader: of the checkpoint.
        request: the workload.
        layout: of the request; under resolution "auto" it may be cut coarser.
        backend: see `SmolVLM.load`.
        precision: see `SmolVLM.load`.
        device: see `SmolVLM.load`.
        caches: bounds that may not be lowered; None for the default ones, which may.
        batch: so many such requests together.
        budget: bytes; None for no bound.
        process: where it will be loaded.

    Raises:
        OutOfMemoryBudget: no allowed way of running it fits.
        BadOptions, ModelNotFound: see `load_backend`.
    """
    checkpoint = reader.checkpoint
    if backend == "auto":
        backend = choose_backend(checkpoint, precision, device)
    device = device_for(backend, device)
    kind = device.partition(":")[0]
    choices = Choices(
        setups=possible_setups(checkpoint, backend, precision, device),
        views=list(_views(reader, request, layout)),
        tiles_per_batch=TILES_PER_BATCH.get(kind, 1) if backend == "torch" else 1,
        batch=batch,
        caches=caches or CacheLimits(),
        pinned_caches=caches is not None,
    )
    return choose_load_plan(checkpoint.id, choices, process, budget)


def _views(reader: Reader, request: Request, layout: Layout | None) -> Iterator[View]:
    while layout is not None:
        edges = [max(grid.steps[-1]) for grid in layout.grids]
        load = reader.workload(layout, request.options.max_new_tokens)
        yield View(request.resolution, max(edges, default=0), layout.max_side, load)
        layout = reader.coarser(request, layout)


def load_planned(
    checkpoint: Checkpoint, plan: LoadPlan, threads: int | None, adapter: AdapterFiles | None
) -> AnyBackend:
    """Load the weights as planned; raises what `load_backend` does, and `OutOfMemoryBudget`."""
    try:
        if plan.budget_bytes and plan.backend == "torch" and plan.device.startswith("cuda"):
            from ..backends.torch.memory import limit_allocator

            limit_allocator(plan.device, plan.budget_bytes)
        return load_backend(
            checkpoint, plan.backend, plan.precision_name, plan.device, threads, adapter
        )
    except (MemoryError, SmolVLMError) as error:
        if isinstance(error, OutOfMemoryBudget) or not ran_out(error):
            raise
        trim_heap()
        raise out_of_memory(f"loading {checkpoint.id}", error) from error


def guard_for(
    reader: Reader, backend: AnyBackend, limits: CacheLimits, plan: LoadPlan | None
) -> MemoryGuard:
    """What watches over a loaded backend's requests; without a plan there is no budget."""
    setup = _setup_of(reader.checkpoint, backend)
    meter = meter_of(backend)
    return MemoryGuard(
        footprint=footprint_of(setup),
        meter=meter,
        loaded=plan.loaded_bytes if plan else meter.now(),
        limits=limits,
        tiles_per_batch=plan.tiles_per_batch if plan else backend.tiles_per_batch,
        budget=plan.budget_bytes if plan else None,
        host=setup.on_host,
    )


def meter_of(backend: AnyBackend) -> Meter:
    """Of the memory that a backend's budget is about: a GPU's allocator, or this process."""
    if backend.name == "torch" and backend.device.startswith("cuda"):
        from ..backends.torch.memory import allocator

        return allocator(backend.device)
    return resident()


def _setup_of(checkpoint: Checkpoint, backend: AnyBackend) -> Setup:
    if backend.name in ("onnx", "openvino", "torch"):
        return possible_setups(checkpoint, backend.name, backend.precision, backend.device)[0]
    return Setup(checkpoint.config, backend.name, backend.device, {})


def _no_pixels() -> Image.Image:
    raise AssertionError("a planned image has no pixels")

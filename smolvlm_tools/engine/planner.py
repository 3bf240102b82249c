"""The one planner: how a checkpoint is loaded, and what a request to it takes. Loads no weights.

`SmolVLM.load` loads by its plan and keeps it, so that a request is planned alike before and after.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from PIL import Image
from typing_extensions import Unpack

from ..backends.choose import backend_for_adapter, check_names, rank_backends
from ..backends.precision import Precision
from ..backends.registry import spec_of
from ..backends.tuning.kept import find_speed
from ..cache import CacheLimits, parse_cache
from ..checkpoint import AdapterFiles, Checkpoint, find_adapter, open_checkpoint
from ..errors import BadOptions, OutOfMemoryBudget
from ..images import ImagePolicy, LoadedImage, PolicyLike
from ..machine.amounts import parse_bytes
from ..machine.heap import trim_heap
from ..machine.meter import resident
from ..memory.plan import AGAIN, Choices, LoadPlan, Process, View, choose_load_plan
from ..prompt.chat import token_budget
from ..prompt.layout import RequestLayout, RequestLayouter
from ..prompt.request import Request
from ..prompt.resolution import check_resolution
from ..prompt.tasks import task_messages
from ..types import ExpectedSeconds, GenerationOptions, RequestPlan, Resolution


class LoadOptions(TypedDict, total=False):
    """What `SmolVLM.load` says of how a checkpoint is loaded; see there."""

    backend: str
    precision: str | Mapping[str, str]
    resolution: Resolution
    device: str
    memory_budget: int | str | None
    revision: str | None
    local_files_only: bool
    policy: PolicyLike | None
    cache: bool | CacheLimits
    adapter: str | Path | None
    threads: int | None


@dataclass(frozen=True, slots=True)
class LoadWish:
    """What a plan has to keep to.

    Attributes:
        budget: bytes; None for no bound.
        caches: bounds that may not be lowered; None for the default ones, which may.
        threads: CPU threads; None leaves them to the backend.
    """

    backend: str = "auto"
    precision: Precision = "auto"
    device: str = "auto"
    budget: int | None = None
    caches: CacheLimits | None = None
    threads: int | None = None

    @classmethod
    def of(cls, options: LoadOptions) -> LoadWish:
        """Check what `SmolVLM.load` was given, before any file is looked for.

        Raises:
            BadOptions: an unknown name, an impossible amount, or an adapter for a backend that
                cannot merge it.
        """
        unknown = sorted(set(options) - set(LoadOptions.__annotations__))
        if unknown:
            raise BadOptions(
                f"unknown option {', '.join(map(repr, unknown))}",
                f"Options are {', '.join(LoadOptions.__annotations__)}.",
            )
        backend, budget = options.get("backend", "auto"), options.get("memory_budget")
        if options.get("adapter") is not None:
            backend = backend_for_adapter(backend)
        precision, device = options.get("precision", "auto"), options.get("device", "auto")
        threads = options.get("threads")
        check_names(backend, precision, device, threads)
        cache = options.get("cache", True)
        limits = parse_cache(cache)
        return cls(
            backend,
            precision,
            device,
            None if budget is None else parse_bytes(budget),
            None if cache is True else limits,
            threads,
        )


@dataclass(frozen=True, slots=True)
class Planner:
    """A checkpoint, and how it will be loaded or was.

    Attributes:
        resolution: of requests that name none.
        process: where it is loaded, as it was before.
    """

    layouter: RequestLayouter
    wish: LoadWish
    load_plan: LoadPlan
    resolution: Resolution
    process: Process
    adapter: AdapterFiles | None = None

    @classmethod
    def open(cls, name: str | Path, **options: Unpack[LoadOptions]) -> Planner:
        """Open a checkpoint and plan to load it, for a description of the largest image.

        Raises:
            OutOfMemoryBudget: nothing that was allowed fits; `needed_bytes` would.
            ModelNotFound, ModelInvalid, BadOptions: see `SmolVLM.load`.
        """
        wish = LoadWish.of(options)  # first: a typo must not cost a download
        offline, adapter = options.get("local_files_only", False), options.get("adapter")
        found = None if adapter is None else find_adapter(adapter, local_files_only=offline)
        checkpoint = open_checkpoint(
            name, revision=options.get("revision"), local_files_only=offline
        )
        if found is not None:
            checkpoint = replace(checkpoint, id=f"{checkpoint.id}+{found.id}")
        image = checkpoint.config.image
        resolution = check_resolution(options.get("resolution", "auto"), image)
        layouter = open_layouter(checkpoint, options.get("policy"), wish.caches or CacheLimits())
        process = _this_process()
        plan = plan_load(layouter, *largest_request(layouter, resolution), wish, process)
        layouter = replace(layouter, max_side=plan.max_side)
        return cls(layouter, wish, plan, resolution, process, found)

    def up_to_date(self) -> Planner:
        """This planner; planned anew where the process has grown by much since it was opened."""
        now = _this_process()
        if now.resident <= self.process.resident + AGAIN:
            return self
        layouter = replace(self.layouter, max_side=None)
        plan = plan_load(layouter, *largest_request(layouter, self.resolution), self.wish, now)
        layouter = replace(layouter, max_side=plan.max_side)
        return replace(self, layouter=layouter, load_plan=plan, process=now)

    def plan(self, request: Request, batch: int = 1) -> tuple[RequestPlan, LoadPlan]:
        """How a request would be cut, and what it would take.

        Args:
            batch: so many such requests together.

        Raises:
            OutOfMemoryBudget: it does not fit the budget.
            BadPrompt: its images fill the model's context.
        """
        layout, loaded = self.layouter.lay_out(request), self.load_plan
        context = self.layouter.checkpoint.config.text.context_length
        token_budget(layout.prompt, request.most_tokens, context, request.least_tokens)
        wish = LoadWish(
            loaded.backend, loaded.precision_name, loaded.device, loaded.budget_bytes, loaded.cache
        )
        own = plan_load(self.layouter, request, layout, wish, self.process, batch)
        if own.max_side is not None:
            layout = self.layouter.cut(request, layout.images, own.max_side)
        own = own.model_copy(update={"given_up": loaded.given_up + own.given_up})
        found = self.layouter.describe(layout, own.predicted_bytes)
        return found.model_copy(update={"seconds": self._expect(found, request)}), own

    def _expect(self, plan: RequestPlan, request: Request) -> ExpectedSeconds | None:
        loaded, checkpoint = self.load_plan, self.layouter.checkpoint
        speed = find_speed(
            checkpoint, loaded.backend, loaded.precision_name, loaded.device, self.wish.threads
        )
        return speed and speed.expect(plan.tiles, plan.prompt_tokens, request.most_tokens)


def _this_process() -> Process:
    return Process(resident().now(), frozenset(sys.modules))


def open_layouter(
    checkpoint: Checkpoint, policy: PolicyLike | None, limits: CacheLimits
) -> RequestLayouter:
    """A layouter that remembers images where features or prompts are kept."""
    rules = ImagePolicy.named(policy, "trusted")
    layouter = RequestLayouter.open(checkpoint, rules, remember=limits.keep_anything)
    trim_heap()  # reading a tokenizer's JSON leaves 15 MB of holes
    return layouter


def largest_request(
    layouter: RequestLayouter, resolution: Resolution
) -> tuple[Request, RequestLayout]:
    """A description of the largest image that the checkpoint looks at."""
    edge = layouter.checkpoint.config.image.longest_edge
    request = Request(task_messages("", "describe"), GenerationOptions(), resolution, "describe")
    return request, layouter.cut(request, (LoadedImage(_no_pixels, "", (edge, edge)),))


def plan_load(
    layouter: RequestLayouter,
    request: Request,
    layout: RequestLayout,
    wish: LoadWish,
    process: Process,
    batch: int = 1,
) -> LoadPlan:
    """How a checkpoint would be loaded for a workload.

    Args:
        layout: of the request; under resolution "auto" it may be cut coarser.

    Raises:
        OutOfMemoryBudget: no allowed way of running it fits.
    """
    checkpoint = layouter.checkpoint
    if wish.backend != "auto":
        return _plan_on(wish.backend, layouter, request, layout, wish, process, batch)
    refused: list[tuple[str, OutOfMemoryBudget]] = []
    for backend in rank_backends(checkpoint, wish.precision, wish.device, wish.threads):
        try:
            plan = _plan_on(backend, layouter, request, layout, wish, process, batch)
        except OutOfMemoryBudget as error:
            refused.append((backend, error))
            continue
        given_up = [f"backend {name}, which is quicker: {error.reason}" for name, error in refused]
        return plan.model_copy(update={"given_up": (*given_up, *plan.given_up)})
    raise min((error for _, error in refused), key=lambda error: error.needed_bytes or 0)


def _plan_on(
    backend: str,
    layouter: RequestLayouter,
    request: Request,
    layout: RequestLayout,
    wish: LoadWish,
    process: Process,
    batch: int,
) -> LoadPlan:
    """The plan with one backend."""
    checkpoint, spec = layouter.checkpoint, spec_of(backend)
    device = spec.default_device() if wish.device == "auto" else wish.device
    choices = Choices(
        setups=list(spec.setups(checkpoint, wish.precision, device)),
        views=list(_views(layouter, request, layout)),
        tiles_per_batch=spec.tiles_per_batch(device),
        batch=batch,
        caches=wish.caches or CacheLimits(),
        pinned_caches=wish.caches is not None,
    )
    return choose_load_plan(checkpoint.id, choices, process, wish.budget)


def _views(
    layouter: RequestLayouter, request: Request, layout: RequestLayout | None
) -> Iterator[View]:
    while layout is not None:
        edges = [max(grid.steps[-1]) for grid in layout.grids]
        load = layouter.workload(layout, request.options.max_new_tokens)
        yield View(request.resolution, max(edges, default=0), layout.max_side, load)
        layout = layouter.coarser(request, layout)


def _no_pixels() -> Image.Image:
    raise AssertionError("a planned image has no pixels")

"""What images would take, before the model runs and even before its weights are loaded.

Knows plans and rates. While there is no engine, the checkpoint's configuration and tokenizer are
enough; once there is one, it is asked, and they are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..engine.lazy import LazyEngine
from ..types import GenerationOptions, RequestPlan, Task
from .image_store import StoredImage
from .speed import Forecast, Speed

if TYPE_CHECKING:
    from ..memory.plan import LoadPlan
    from ..prompt.layout import Reader

_NOT_YET = "Unknown until a call has run the model on this machine."


@dataclass(frozen=True, slots=True)
class View:
    """A plan, how long it will take, and where that is known from."""

    plan: RequestPlan
    forecast: Forecast | None
    basis: str


class Unloaded:
    """Plans the requests of a checkpoint whose weights are not there; safe between threads.

    Args:
        name: see `SmolVLM.load`.
        options: keywords that `SmolVLM.load` will get.
    """

    def __init__(self, name: Any, options: Mapping[str, Any]) -> None:
        self._name = name
        self._options = options
        self._opened: tuple[Reader, LoadPlan] | None = None
        self._lock = threading.Lock()

    def plan(self, sources: Sequence[bytes], task: Task) -> RequestPlan:
        """As `SmolVLM.plan`; raises what that and `SmolVLM.load` raise."""
        from ..decoding.decode import token_budget
        from ..engine.loading import plan_load, this_process
        from ..prompt.request import Request
        from ..prompt.resolution import check_resolution
        from ..prompt.tasks import task_messages

        reader, loaded = self._open()
        config = reader.checkpoint.config
        resolution = check_resolution(self._options.get("resolution", "auto"), config.image)
        messages = task_messages(list(sources), task, "?")
        request = Request(messages, GenerationOptions(), resolution, task)
        layout = reader.lay_out(request)
        token_budget(
            layout.prompt, request.options.max_new_tokens, config.text.context_length
        )  # raises if the prompt fills the context
        own = plan_load(
            reader,
            request,
            layout,
            backend=loaded.backend,
            precision=loaded.precision_name,
            device=loaded.device,
            caches=loaded.cache,
            budget=loaded.budget_bytes,
            process=this_process(),
        )
        if own.max_side is not None:
            layout = reader.cut(request, layout.images, own.max_side)
        return reader.describe(layout, own.predicted_bytes)

    def forget(self) -> None:
        """Free the tokenizer."""
        with self._lock:
            self._opened = None

    def _open(self) -> tuple[Reader, LoadPlan]:
        with self._lock:
            if self._opened is None:
                self._opened = self._open_anew()
            return self._opened

    def _open_anew(self) -> tuple[Reader, LoadPlan]:
        from ..backends.choose import backend_for_adapter
        from ..cache import parse_cache
        from ..checkpoint import open_checkpoint
        from ..engine.loading import largest_request, open_reader, plan_load, this_process
        from ..machine.amounts import parse_bytes

        options = self._options
        limits = parse_cache(options.get("cache", True))
        budget = options.get("memory_budget")
        backend = options.get("backend", "auto")
        if options.get("adapter") is not None:
            backend = backend_for_adapter(backend)
        checkpoint = open_checkpoint(
            self._name,
            revision=options.get("revision"),
            local_files_only=options.get("local_files_only", False),
        )
        reader = open_reader(checkpoint, options.get("policy"), limits)
        loaded = plan_load(
            reader,
            *largest_request(reader, options.get("resolution", "auto")),
            backend=backend,
            precision=options.get("precision", "auto"),
            device=options.get("device", "auto"),
            caches=None if options.get("cache", True) is True else limits,
            budget=None if budget is None else parse_bytes(budget),
            process=this_process(),
        )
        return replace(reader, max_side=loaded.max_side), loaded


class Outlook:
    """Tells what a call would take.

    Args:
        engine: asked for plans once it is loaded.
        speed: of the requests so far.
        unloaded: plans before; None to load the engine for planning.
    """

    def __init__(self, engine: LazyEngine, speed: Speed, unloaded: Unloaded | None = None) -> None:
        self._engine, self._speed, self._unloaded = engine, speed, unloaded

    def before(self, unloaded: Unloaded) -> Outlook:
        """The same, planning with `unloaded` until the engine is there."""
        return Outlook(self._engine, self._speed, unloaded)

    def plan(self, images: Sequence[StoredImage], task: Task) -> View:
        """Tiles, tokens, memory and time of a call.

        Raises:
            BadPrompt: the images fill the model's context.
            OutOfMemoryBudget: they do not fit the budget.
            ModelError: see `SmolVLM.load`.
        """
        plan = self._plan([image.data for image in images], task)
        forecast = self._speed.expect(plan.tiles, plan.prompt_tokens)
        if forecast is None:
            return View(plan, None, _NOT_YET)
        calls = "1 earlier call" if forecast.requests == 1 else f"{forecast.requests} earlier calls"
        return View(
            plan,
            forecast,
            f"Learnt from {calls} on this machine, for a reply of "
            f"{forecast.new_tokens} tokens, {forecast.first_token:.3g} s of it before the first; "
            "no waiting for other calls counted.",
        )

    def _plan(self, sources: list[bytes], task: Task) -> RequestPlan:
        engine = self._engine.loaded
        if engine is None and self._unloaded is not None:
            return self._unloaded.plan(sources, task)
        if self._unloaded is not None:
            self._unloaded.forget()
        return self._engine.get().plan(sources, task=task)

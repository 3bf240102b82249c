"""What images would take, before the model runs and even before its weights are loaded.

While there is no engine, the checkpoint's configuration and tokenizer are enough.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.lazy import LazyEngine
from ..types import GenerationOptions, RequestPlan, Task
from .image_store import StoredImage
from .speed import Forecast, Speed

if TYPE_CHECKING:
    from ..engine.planner import Planner
    from ..engine.smolvlm import SmolVLM

_OF_THE_ENGINE = ("max_queue", "batch_size", "threads", "calibration")
"""Keywords of `SmolVLM.load` that no plan depends on."""

_NOT_YET = "Unknown until a call has run the model on this machine."


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A plan, how long it will take, and where that is known from."""

    plan: RequestPlan
    forecast: Forecast | None
    basis: str


class LazyPlanner:
    """Plans the requests of a checkpoint, and loads it by the same plan; safe between threads."""

    def __init__(self, name: str | Path, options: Mapping[str, Any]) -> None:
        self._name = name
        self._engine = {key: options[key] for key in _OF_THE_ENGINE if key in options}
        self._options = {key: options[key] for key in options if key not in _OF_THE_ENGINE}
        self._planner: Planner | None = None
        self._lock = threading.Lock()

    def plan(self, sources: Sequence[bytes], task: Task) -> RequestPlan:
        """As `SmolVLM.plan`; raises what that and `SmolVLM.load` raise."""
        from ..prompt.request import Request
        from ..prompt.tasks import task_messages

        planner = self._open()
        messages = task_messages(list(sources), task, "?")
        request = Request(messages, GenerationOptions(), planner.resolution, task)
        return planner.plan(request)[0]

    def load(self) -> SmolVLM:
        """Load the model; raises what `SmolVLM.load` raises."""
        from ..engine.smolvlm import SmolVLM

        return SmolVLM.load_planned(self._open(), **self._engine)

    def _open(self) -> Planner:
        from ..engine.planner import Planner

        with self._lock:
            if self._planner is None:
                self._planner = Planner.open(self._name, **self._options)
            return self._planner


@dataclass(frozen=True, slots=True)
class Outlook:
    """Tells what a call would take."""

    engine: LazyEngine
    speed: Speed
    planner: LazyPlanner | None = None
    """Plans before the engine is loaded; None to load it for planning."""

    def plan(self, images: Sequence[StoredImage], task: Task) -> CallPlan:
        """Tiles, tokens, memory and time of a call.

        Raises:
            BadPrompt: the images fill the model's context.
            OutOfMemoryBudget: they do not fit the budget.
            ModelError: see `SmolVLM.load`.
        """
        sources = [image.data for image in images]
        if self.planner is not None and self.engine.loaded is None:
            plan = self.planner.plan(sources, task)
        else:
            plan = self.engine.get().plan(sources, task=task)
        forecast = self.speed.expect(plan.tiles, plan.prompt_tokens)
        if forecast is None:
            return CallPlan(plan, None, _NOT_YET)
        calls = "1 earlier call" if forecast.requests == 1 else f"{forecast.requests} earlier calls"
        return CallPlan(
            plan,
            forecast,
            f"Learnt from {calls} on this machine, for a reply of "
            f"{forecast.new_tokens} tokens, {forecast.first_token:.3g} s of it before the first; "
            "no waiting for other calls counted.",
        )

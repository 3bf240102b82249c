"""What images would take, before the model runs and even before its weights are loaded.

While there is no engine, the checkpoint's configuration and tokenizer are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..engine.lazy import LazyEngine
from ..engine.lazy_planner import LazyPlanner
from ..types import RequestPlan, Task
from .image_store import StoredImage, one_by_one
from .speed import Forecast, Speed

_NOT_YET = "Unknown until a call has run the model on this machine."


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A plan, how long it will take, and where that is known from."""

    plan: RequestPlan
    forecast: Forecast | None
    basis: str


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
        apart = task == "transcribe" and one_by_one(images)
        requests = [self._plan([image], task) for image in images] if apart else []
        plan = _join_plans(requests) if apart else self._plan(images, task)
        read = "Each page is read by itself, in a request of its own. " if apart else ""
        forecast = self._forecast(requests or [plan])
        if forecast is None:
            return CallPlan(plan, None, f"{read}{_NOT_YET}")
        calls = "1 earlier call" if forecast.requests == 1 else f"{forecast.requests} earlier calls"
        return CallPlan(
            plan,
            forecast,
            f"{read}Learnt from {calls} on this machine, for a reply of "
            f"{forecast.new_tokens} tokens, {forecast.first_token:.3g} s of it before the first; "
            "no waiting for other calls counted.",
        )

    def _plan(self, images: Sequence[StoredImage], task: Task) -> RequestPlan:
        sources = [image.encoded for image in images]
        if self.planner is not None and self.engine.loaded is None:
            return self.planner.plan(sources, task)
        return self.engine.get().plan(sources, task=task)

    def _forecast(self, requests: Sequence[RequestPlan]) -> Forecast | None:
        """What requests take one after the other; None before a comparable one has run."""
        each = [self.speed.expect(plan.tiles, plan.prompt_tokens) for plan in requests]
        known = [forecast for forecast in each if forecast is not None]
        if len(known) < len(each):
            return None
        return replace(
            known[0],
            seconds=sum(forecast.seconds for forecast in known),
            new_tokens=sum(forecast.new_tokens for forecast in known),
        )


def _join_plans(plans: Sequence[RequestPlan]) -> RequestPlan:
    """What requests come to that run one after the other."""
    predicted = [plan.predicted_bytes for plan in plans if plan.predicted_bytes is not None]
    return plans[0].model_copy(
        update={
            "images": tuple(image for plan in plans for image in plan.images),
            "tiles": sum(plan.tiles for plan in plans),
            "image_tokens": sum(plan.image_tokens for plan in plans),
            "prompt_tokens": sum(plan.prompt_tokens for plan in plans),
            "predicted_bytes": max(predicted, default=None),
        }
    )

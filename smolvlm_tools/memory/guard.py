"""Keeps a loaded model's requests to its budget: says what each will take, and what it took."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.footprint import Footprint
from ..cache.limits import CacheLimits
from ..errors import OutOfMemoryBudget
from ..machine.amounts import format_bytes
from ..machine.meter import Meter
from ..prompt.resolution import Size
from ..prompt.workload import Workload
from .image_footprint import pixel_bytes
from .predict import Working, working


@dataclass(frozen=True, slots=True)
class MemoryGuard:
    """What is known of the memory of one loaded model.

    Attributes:
        loaded: bytes that were predicted to be in use once everything is loaded.
        budget: bytes; None for no bound.
        host: whether the memory is this process's own, where images are prepared, too.
    """

    footprint: Footprint
    meter: Meter
    loaded: int
    limits: CacheLimits
    tiles_per_batch: int
    budget: int | None = None
    host: bool = True

    def working(
        self, load: Workload, known_tokens: int = 0, *, keeps_prompt: bool = False
    ) -> Working:
        """What a request takes on top; see `predict.working`."""
        return working(
            self.footprint,
            load,
            self.tiles_per_batch,
            self.limits,
            known_tokens=known_tokens,
            keeps_prompt=keeps_prompt,
            host=self.host,
        )

    def total(self, own: Working, in_use: int, held: int) -> int:
        """Peak of a request: its own on top of what is in use, or is promised to others.

        Args:
            in_use: bytes in use without it.
            held: bytes that caches and the other requests have or may still take.
        """
        return max(in_use, self.loaded + held) + own.peak

    def fits(self, total: int) -> bool:
        return self.budget is None or total <= self.budget

    def check_pixels(self, size: Size) -> None:
        """Check an image before it is decoded.

        Raises:
            OutOfMemoryBudget: its pixels alone do not fit.
        """
        self.check_beside(f"an image of {size[0]}x{size[1]} pixels", pixel_bytes(size))

    def check_beside(self, what: str, extra: int) -> None:
        """Check work in this process before it begins.

        Args:
            extra: bytes that it takes at most.

        Raises:
            OutOfMemoryBudget: they do not fit.
        """
        if self.budget is None or not self.host:
            return
        needed = max(self.meter.now(), self.loaded) + extra
        if not self.fits(needed):
            raise self.refusal(what, needed)

    def refusal(self, what: str, needed: int) -> OutOfMemoryBudget:
        """The error for a request that cannot fit."""
        return OutOfMemoryBudget(
            f"{what} would take {format_bytes(needed)}, the memory budget is "
            f"{format_bytes(self.budget or 0)}",
            "Send fewer or smaller images. Or lower `resolution` or `max_new_tokens`, or raise "
            f"`memory_budget` to {format_bytes(needed)}.",
            needed,
        )

"""What several replies cost together."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import StageSeconds, Usage


def sum_of(usages: Sequence[Usage]) -> Usage:
    """The usage of replies that were made one after the other; of memory the highest peak."""

    def total(name: str) -> int:
        return sum(getattr(usage, name) for usage in usages)

    def most(name: str) -> int | None:
        return max((getattr(usage, name) or 0 for usage in usages), default=0) or None

    seconds = {
        stage: sum(getattr(usage.seconds, stage) for usage in usages)
        for stage in StageSeconds.model_fields
    }
    return Usage(
        prompt_tokens=total("prompt_tokens"),
        image_tokens=total("image_tokens"),
        completion_tokens=total("completion_tokens"),
        tiles=total("tiles"),
        cached_tokens=total("cached_tokens"),
        cached_tiles=total("cached_tiles"),
        predicted_bytes=most("predicted_bytes"),
        peak_bytes=most("peak_bytes"),
        seconds=StageSeconds(**seconds),
    )

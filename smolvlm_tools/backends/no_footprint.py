"""The footprint of a backend that holds nothing, as the fake one."""

from __future__ import annotations

from collections.abc import Mapping


class NoFootprint:
    """See `Footprint`; all is 0."""

    libraries: Mapping[str, int] = {}
    weights: Mapping[str, int] = {}
    metadata = loading = 0

    def vision(self, tiles: int) -> int:
        return 0

    def features(self, tiles: int) -> int:
        return 0

    def kv(self, tokens: int) -> int:
        return 0

    def prefill(self, tokens: int, before: int = 0) -> int:
        return 0

    def logits(self, rows: int) -> int:
        return 0

    def step(self, rows: int, tokens: int) -> int:
        return 0

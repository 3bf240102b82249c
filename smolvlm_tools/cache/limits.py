"""How much the caches may hold."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadOptions
from ..machine.amounts import check_whole

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds in bytes; 0 turns a cache off. A negative one is `BadOptions`.

    Attributes:
        vision_bytes: image features. A tile of SmolVLM-256M takes 0.15 MB in float32.
        kv_bytes: keys and values of prompt beginnings. A token of SmolVLM-256M takes 46 kB in
            float32, a page of 17 tiles 53 MB.
    """

    vision_bytes: int = 32 * MB
    kv_bytes: int = 128 * MB

    def __post_init__(self) -> None:
        check_whole("vision_bytes", self.vision_bytes, 0)
        check_whole("kv_bytes", self.kv_bytes, 0)

    @property
    def total(self) -> int:
        return self.vision_bytes + self.kv_bytes

    @property
    def keep_anything(self) -> bool:
        return self.total > 0


def parse_cache(cache: object) -> CacheLimits:
    """True for the default bounds, False for no caches, or the bounds themselves.

    Raises:
        BadOptions: anything else.
    """
    if isinstance(cache, bool):
        return CacheLimits() if cache else CacheLimits(0, 0)
    if not isinstance(cache, CacheLimits):
        raise BadOptions(
            f"`cache={cache!r:.60}` is not one", "Use True, False or `CacheLimits(...)`."
        )
    return cache

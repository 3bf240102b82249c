"""How much the caches may hold."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadOptions

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds in bytes; 0 turns a cache off.

    Attributes:
        vision_bytes: image features. A tile of SmolVLM-256M takes 0.15 MB in float32.
        kv_bytes: keys and values of prompt beginnings. A token of SmolVLM-256M takes 46 kB in
            float32, a page of 17 tiles 53 MB.
    """

    vision_bytes: int = 32 * MB
    kv_bytes: int = 128 * MB

    @property
    def total(self) -> int:
        return self.vision_bytes + self.kv_bytes

    @property
    def keep_anything(self) -> bool:
        return self.total > 0


def parse_cache(cache: object) -> CacheLimits:
    """True for the default bounds, False for no caches, or the bounds themselves.

    Raises:
        BadOptions: anything else, or a negative bound.
    """
    if isinstance(cache, bool):
        return CacheLimits() if cache else CacheLimits(0, 0)
    if not isinstance(cache, CacheLimits):
        raise BadOptions(f"cache {cache!r} is not one", "Use True, False or CacheLimits(...).")
    for name in ("vision_bytes", "kv_bytes"):
        value = getattr(cache, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadOptions(
                f"{name} {value!r} is not a number of bytes", "Use 0 or more, as an int."
            )
    return cache

"""Everything that is kept between requests, as one thing that can be emptied."""

from __future__ import annotations

from .features import FeatureCache
from .identity import Identities
from .limits import CacheLimits
from .prefix import PrefixCache


class EngineCaches:
    """The caches of one engine. Not thread-safe."""

    def __init__(self, limits: CacheLimits) -> None:
        self.features = FeatureCache(limits.vision_bytes)
        self.prefixes = PrefixCache(limits.kv_bytes)
        self.identities = Identities()

    @property
    def nbytes(self) -> int:
        """Of features, keys and values."""
        return self.features.nbytes + self.prefixes.nbytes

    def clear(self) -> None:
        """Forget them; numbers that stand for tokens and images keep their meaning."""
        self.features.clear()
        self.prefixes.clear()

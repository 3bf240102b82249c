"""Everything that is kept between requests, as one thing that can be emptied."""

from __future__ import annotations

from weakref import WeakSet

from .features import FeatureCache
from .identity import Identities
from .limits import CacheLimits
from .look import Look
from .prefix import PrefixCache


class EngineCaches:
    """The caches of one engine. Not thread-safe.

    Attributes:
        looks: those that requests in the engine share.
    """

    def __init__(self, limits: CacheLimits) -> None:
        self.features = FeatureCache(limits.vision_bytes)
        self.prefixes = PrefixCache(limits.kv_bytes)
        self.identities = Identities()
        self.looks = WeakSet[Look]()

    @property
    def nbytes(self) -> int:
        """Of features, keys and values, without those of looks."""
        return self.features.nbytes + self.prefixes.nbytes

    @property
    def look_bytes(self) -> int:
        """Of the keys and values that looks keep."""
        return sum(look.nbytes for look in self.looks)

    def clear(self) -> None:
        """Forget them; numbers that stand for tokens and images keep their meaning."""
        self.features.clear()
        self.prefixes.clear()

    def give_looks_up(self) -> None:
        """Have every question of a look read its whole prompt."""
        for look in self.looks:
            look.give_up()

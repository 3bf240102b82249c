"""What is kept between requests: image features and the keys and values of prompt beginnings."""

from .engine_caches import EngineCaches
from .features import FeatureCache, ImageKey, TileKey
from .identity import Identities
from .known import Known
from .limits import CacheLimits, parse_cache
from .look import Look
from .prefix import PrefixCache

__all__ = [
    "CacheLimits",
    "EngineCaches",
    "FeatureCache",
    "Identities",
    "ImageKey",
    "Known",
    "Look",
    "PrefixCache",
    "TileKey",
    "parse_cache",
]

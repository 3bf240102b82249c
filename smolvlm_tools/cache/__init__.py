"""What is kept between requests: image features and the keys and values of prompt beginnings."""

from .features import FeatureCache, ImageKey
from .identity import Identities
from .kept import Kept
from .limits import CacheLimits, parse_cache
from .prefix import PrefixCache

__all__ = [
    "CacheLimits",
    "FeatureCache",
    "Identities",
    "ImageKey",
    "Kept",
    "PrefixCache",
    "parse_cache",
]

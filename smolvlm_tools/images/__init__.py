"""Any image source to checked RGB pixels, under one policy.

    source -> files / fetch / encodings -> bytes -> container -> colour -> LoadedImage
                                   arrays, PIL images ------------^

The Python API, the CLI and every integration go through `load_image`.
"""

from __future__ import annotations

from .container import EncodedImage, decode_image
from .load import ImageSource, load_image, read_image
from .loaded import KnownImages, LoadedImage
from .policy import ImagePolicy

__all__ = [
    "EncodedImage",
    "ImagePolicy",
    "ImageSource",
    "KnownImages",
    "LoadedImage",
    "decode_image",
    "load_image",
    "read_image",
]

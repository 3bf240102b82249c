"""Any image source to checked RGB pixels, under one policy; knows nothing of models.

    source -> files / fetch / encodings -> bytes -> container -> colour -> LoadedImage
                                   arrays, PIL images ------------^

`load_image` is the only entrance: the Python API, the CLI and every adapter go through it.
"""

from __future__ import annotations

from .known import KnownImages
from .load import EncodedImage, ImageSource, decode_image, load_image, read_image
from .loaded import LoadedImage
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

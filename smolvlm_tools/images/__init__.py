"""Any image source to checked RGB pixels, under one policy.

    source -> files / fetch / encodings -> bytes -> container -> opened -> colour -> LoadedImage
                                             or, in a child:  isolated -> in_child ----^
                                   arrays, PIL images ------------------------^

The Python API, the CLI and every integration go through `load_image`.
"""

from __future__ import annotations

from .container import count_pages as count_pages
from .container import decode_image as decode_image
from .container import see_image as see_image
from .encoded import EncodedImage as EncodedImage
from .load import ImageSource as ImageSource
from .load import load_image as load_image
from .load import open_image as open_image
from .load import read_image as read_image
from .loaded import KnownImages as KnownImages
from .loaded import LoadedImage as LoadedImage
from .loaded import shows_nothing as shows_nothing
from .policy import ImagePolicy as ImagePolicy
from .policy import PolicyLike as PolicyLike

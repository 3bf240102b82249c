"""Encoded bytes to upright RGB pixels: first the format, then the header, then the data.

The file's first bytes choose one reader of `formats`, which is called directly instead of through
`Image.open`. So nothing else ever parses the data, `ImagePolicy.max_pixels` applies instead of
Pillow's global limit, and the error for a damaged file says what is wrong with it instead of
"cannot identify".
"""

from __future__ import annotations

import hashlib

from .encoded import CheckPixels, EncodedImage, ReduceTo
from .formats import FORMATS
from .isolated import IsolatedImage
from .loaded import ImageFacts, KnownImages, LoadedImage
from .opened import LocalImage, OpenedImage, kind_of
from .policy import ImagePolicy


def decode_image(
    encoded: EncodedImage,
    policy: ImagePolicy,
    *,
    reduce_to: ReduceTo | None = None,
    check_pixels: CheckPixels | None = None,
    known: KnownImages | None = None,
) -> LoadedImage:
    """Decode the first frame of an image file; see `load_image` for the options and errors."""
    digest = hashlib.sha256(encoded.data).hexdigest()
    facts = known.get(digest, policy) if known is not None else None
    kind = kind_of(encoded)
    if facts is not None:  # it has passed all checks before
        later = LoadedImage(
            lambda: _open(encoded, kind, policy, again=True).decode(reduce_to, check_pixels).pixels,
            digest,
            *facts,
        )
        _take_over(later, encoded)
        return later
    opened = _open(encoded, kind, policy)
    pixels, size = opened.decode(reduce_to, check_pixels)
    loaded = LoadedImage(pixels, digest, size, kind, opened.frames)
    _take_over(loaded, encoded)
    if known is not None:
        known.put(digest, policy, ImageFacts(size, kind, opened.frames, loaded.is_blank))
    return loaded


def count_pages(encoded: EncodedImage, policy: ImagePolicy) -> int:
    """How many pages or frames of its own an image file shows; its pixels are not decoded.

    1 for formats whose further images are no pages, such as the previews in a JPEG.
    """
    kind = kind_of(encoded)
    return _open(encoded, kind, policy).frames if FORMATS[kind].has_pages else 1


def _open(
    encoded: EncodedImage, kind: str, policy: ImagePolicy, *, again: bool = False
) -> OpenedImage:
    if policy.isolate:
        return IsolatedImage(encoded, policy)
    return LocalImage(encoded, kind, policy, again=again)


def _take_over(image: LoadedImage, encoded: EncodedImage) -> None:
    """What is known of an image besides its pixels."""
    image.ref, image.own_text, image.layer_flags = (
        encoded.ref,
        encoded.own_text,
        encoded.layer_flags,
    )

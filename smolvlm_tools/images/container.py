"""Encoded bytes to upright RGB pixels: first the format, then the header, then the data.

The file's first bytes choose one reader of `formats`, which is called directly instead of through
`Image.open`. So nothing else ever parses the data, `ImagePolicy.max_pixels` applies instead of
Pillow's global limit, and the error for a damaged file says what is wrong with it instead of
"cannot identify".
"""

from __future__ import annotations

import hashlib
import time

from PIL import Image

from ..sandbox.limits import SLOW_SECONDS
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

    def decode_again() -> Image.Image:
        return _open(encoded, kind, policy, again=True).decode(reduce_to, check_pixels).pixels

    if facts is not None:  # it has passed all checks before
        return _with_origin(LoadedImage(decode_again, digest, *facts), encoded)
    began, opened = time.monotonic(), _open(encoded, kind, policy)
    pixels, size, is_blank = opened.decode(reduce_to, check_pixels)
    facts = ImageFacts(size, kind, opened.frames, is_blank)
    _remember(known, digest, policy, facts, began)
    return _with_origin(LoadedImage(pixels, digest, *facts), encoded)


def see_image(
    encoded: EncodedImage, policy: ImagePolicy, known: KnownImages | None = None
) -> LoadedImage:
    """`decode_image` for facts alone: the pixels are not kept, but decoded again if they are used.

    Under `ImagePolicy.isolate` they never come to this process.
    """
    digest = hashlib.sha256(encoded.data).hexdigest()
    facts = known.get(digest, policy) if known is not None else None
    kind = kind_of(encoded)
    if facts is None:
        began, opened = time.monotonic(), _open(encoded, kind, policy)
        seen = opened.see()
        facts = ImageFacts(seen.size, kind, opened.frames, seen.is_blank)
        _remember(known, digest, policy, facts, began)

    def decode_again() -> Image.Image:
        return _open(encoded, kind, policy, again=True).decode(None, None).pixels

    return _with_origin(LoadedImage(decode_again, digest, *facts), encoded)


def _remember(
    known: KnownImages | None, digest: str, policy: ImagePolicy, facts: ImageFacts, began: float
) -> None:
    """Let an image be known, unless decoding it would hold up whoever uses its pixels later."""
    slow = policy.isolate and time.monotonic() - began > SLOW_SECONDS
    if known is not None and not slow:
        known.put(digest, policy, facts)


def count_pages(
    encoded: EncodedImage, policy: ImagePolicy, known: KnownImages | None = None
) -> int:
    """How many pages or frames of its own an image file shows; its pixels are not decoded.

    1 for formats whose further images are no pages, such as the previews in a JPEG.

    Args:
        known: images that need not be opened to tell.
    """
    kind = kind_of(encoded)
    if not FORMATS[kind].has_pages:
        return 1
    if known is not None:
        facts = known.get(hashlib.sha256(encoded.data).hexdigest(), policy)
        if facts is not None:
            return facts.frames
    return _open(encoded, kind, policy).frames


def _open(
    encoded: EncodedImage, kind: str, policy: ImagePolicy, *, again: bool = False
) -> OpenedImage:
    if policy.isolate:
        return IsolatedImage(encoded, policy)
    return LocalImage(encoded, kind, policy, again=again)


def _with_origin(image: LoadedImage, encoded: EncodedImage) -> LoadedImage:
    """The image, with what is known of it besides its pixels."""
    image.ref, image.own_text, image.layer_flags = (
        encoded.ref,
        encoded.own_text,
        encoded.layer_flags,
    )
    return image

"""Encoded bytes to upright RGB pixels: first the format, then the header, then the data.

The file's first bytes choose one reader of `formats`, which is called directly instead of through
`Image.open`. So nothing else ever parses the data, `ImagePolicy.max_pixels` applies instead of
Pillow's global limit, and the error for a damaged file says what is wrong with it instead of
"cannot identify".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import TypeAlias

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import BadDimensions, BadEncoding, CorruptImage, ImageTooLarge, SmolVLMError
from ..types import Flag, PageRef
from .colour import check_size, orientation, picture_to_rgb
from .formats import DAMAGED, FORMATS, identify
from .loaded import ImageFacts, KnownImages, LoadedImage
from .policy import ImagePolicy

Size: TypeAlias = tuple[int, int]
"""(width, height) in pixels."""

ReduceTo: TypeAlias = Callable[[Size], Size | None]
"""From an image's upright size to the size at which it is needed; None for all pixels."""

CheckPixels: TypeAlias = Callable[[Size], None]
"""Called with the size at which an image will be decoded; raises if that is too much."""

_ENOUGH = 31 / 32
"""This share of the needed size is enough: half of a camera's 4000 or 4032 pixels for 2048."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The bytes of an image file, which nothing has looked at yet."""

    data: bytes
    name: str
    """What errors call it."""
    mime: str | None = None
    """The type that the source claimed, if it claimed one."""
    ref: PageRef = field(default_factory=PageRef)
    """Where it came from."""
    own_text: str | None = None
    """The text that its document has for it, where that can be trusted."""
    layer_flags: tuple[Flag, ...] = ()
    """What a reader should know of its document's text layer."""


def decode_image(
    encoded: EncodedImage,
    policy: ImagePolicy,
    *,
    reduce_to: ReduceTo | None = None,
    check_pixels: CheckPixels | None = None,
    known: KnownImages | None = None,
) -> LoadedImage:
    """Decode the first frame of an image file; see `load_image` for the options and errors."""
    data, name = encoded.data, encoded.name
    digest = hashlib.sha256(data).hexdigest()
    facts = known.get(digest, policy) if known is not None else None
    kind = facts.format if facts else identify(data, name)
    _check_mime(encoded, kind)

    def decode(image: ImageFile.ImageFile) -> tuple[Image.Image, Size | None]:
        """The pixels, and the image's full size if it was reduced."""
        reduced_from = _reduce(image, reduce_to)
        if check_pixels is not None:
            check_pixels(image.size)
        return picture_to_rgb(image, policy, name, consume=True), reduced_from

    if facts is not None:  # it has passed all other checks before
        later = LoadedImage(lambda: decode(_open(data, kind, name))[0], digest, *facts)
        _take_over(later, encoded)
        return later
    image, frames = _open_checked(encoded, kind, policy)
    pixels, reduced_from = decode(image)
    size = reduced_from or pixels.size
    loaded = LoadedImage(pixels, digest, size, kind, frames)
    _take_over(loaded, encoded)
    if known is not None:
        known.put(digest, policy, ImageFacts(loaded.size, kind, frames, loaded.is_blank))
    return loaded


def _take_over(image: LoadedImage, encoded: EncodedImage) -> None:
    """What is known of an image besides its pixels."""
    image.ref, image.own_text, image.layer_flags = (
        encoded.ref,
        encoded.own_text,
        encoded.layer_flags,
    )


def count_pages(encoded: EncodedImage, policy: ImagePolicy) -> int:
    """How many pages or frames of its own an image file shows; its pixels are not decoded.

    1 for formats whose further images are no pages, such as the previews in a JPEG.
    """
    kind = identify(encoded.data, encoded.name)
    _check_mime(encoded, kind)
    return _open_checked(encoded, kind, policy)[1] if FORMATS[kind].has_pages else 1


def _check_mime(encoded: EncodedImage, kind: str) -> None:
    """Refuse a source that claims to be something else than it is."""
    mimes = FORMATS[kind].mime
    if encoded.mime is not None and encoded.mime not in mimes:
        raise BadEncoding(
            f"{encoded.name} claims to be {encoded.mime[:60]!r} but holds a {kind} image",
            f"Declare it as {mimes[0]}.",
        )


def _open_checked(
    encoded: EncodedImage, kind: str, policy: ImagePolicy
) -> tuple[ImageFile.ImageFile, int]:
    """Parse the header of a file that keeps the policy's limits; also count its frames."""
    data, name = encoded.data, encoded.name
    check = FORMATS[kind].check
    if check is not None:
        check(data, policy, name)
    image = _open(data, kind, name)
    check_size(image.size, policy, name)
    return image, _count_frames(image, data, kind, policy, name)


def _reduce(image: ImageFile.ImageFile, reduce_to: ReduceTo | None) -> Size | None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 if that is enough; returns its full size if so.

    libjpeg then computes fewer pixels of each 8x8 block, where a resize would discard most of them.
    """
    if reduce_to is None or not isinstance(image, JpegImageFile):
        return None
    turned = 5 <= orientation(image) <= 8  # quarter turns
    upright = (image.height, image.width) if turned else image.size
    wanted = reduce_to(upright)
    if wanted is None:
        return None
    width, height = (wanted[1], wanted[0]) if turned else wanted
    image.draft(None, (max(1, int(width * _ENOUGH)), max(1, int(height * _ENOUGH))))
    return upright


def _open(data: bytes, kind: str, name: str) -> ImageFile.ImageFile:
    """Parse the header; no pixel is decoded yet."""
    try:
        return FORMATS[kind].read(BytesIO(data))
    except SmolVLMError:
        raise  # the reader's library is not installed
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge(f"{name} needs too much memory ({kind})", DAMAGED) from error
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise _open_error(error, kind, name) from error


def _open_error(error: Exception, kind: str, name: str) -> Exception:
    message = str(error)
    if "too large" in message.lower() or "too much memory" in message.lower():
        return ImageTooLarge(f"{name} holds too much metadata ({message})", DAMAGED)
    if message == "not identified by this driver":  # ImageFile: no mode, or a side of 0
        return BadDimensions(f"{name} has no pixels ({kind} with an empty size)", DAMAGED)
    if isinstance(error.__cause__, (IndexError, TypeError, KeyError, EOFError, struct.error)):
        message = "its header is incomplete or wrong"  # ImageFile wraps these as SyntaxError
    return CorruptImage(f"{name} is a damaged {kind} file ({message})", DAMAGED)


def _count_frames(
    image: ImageFile.ImageFile, data: bytes, kind: str, policy: ImagePolicy, name: str
) -> int:
    count = FORMATS[kind].count_frames
    try:
        if count is not None:
            frames = count(data, policy.max_frames)
        else:
            frames = max(1, int(getattr(image, "n_frames", 1)))
    except Exception as error:  # as in _open
        raise _open_error(error, kind, name) from error
    if frames > policy.max_frames:
        raise ImageTooLarge(
            f"{name} has more than {policy.max_frames:,} frames",
            "Send one frame or raise ImagePolicy.max_frames.",
        )
    return frames

"""A file whose header has been read within the policy's limits, and whose pixels come later.

It is read either by this process or, under `ImagePolicy.isolate`, by a child.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import NamedTuple, Protocol

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import BadDimensions, BadEncoding, CorruptImage, ImageTooLarge, SmolVLMError
from .colour import check_size, orientation, picture_to_rgb
from .encoded import CheckPixels, EncodedImage, ReduceTo, Size
from .formats import DAMAGED, FORMATS, identify
from .loaded import shows_nothing
from .mapped import map_pixels
from .policy import ImagePolicy

_ENOUGH = 31 / 32
"""This share of the needed size is enough: half of a camera's 4000 or 4032 pixels for 2048."""

_DECODED_IN_PLACE = (JpegImageFile, PngImageFile, WebPImageFile)
"""Readers that decode to the memory of `im` if it is there; TIFF's is sometimes turned."""


class Decoded(NamedTuple):
    """Upright RGB pixels."""

    pixels: Image.Image
    full_size: Size
    """(width, height) before they were reduced."""
    is_blank: bool
    """See `LoadedImage.is_blank`."""


class Seen(NamedTuple):
    """What is known of an image that can be decoded."""

    size: Size
    """(width, height), upright."""
    is_blank: bool
    """See `LoadedImage.is_blank`."""


class OpenedImage(Protocol):
    """An image whose header is known.

    Attributes:
        frames: frames or pages in the file, of which the first is decoded.
    """

    frames: int

    def decode(self, reduce_to: ReduceTo | None, check_pixels: CheckPixels | None) -> Decoded:
        """The pixels; see `load_image` for the options and errors."""
        ...

    def see(self) -> Seen:
        """Decode it completely without keeping the pixels; raises as `load_image`."""
        ...


def kind_of(encoded: EncodedImage) -> str:
    """The format by the first bytes.

    Raises:
        CorruptImage, UnsupportedFormat: it is of none.
        BadEncoding: its source claims that it is of another one.
    """
    kind = identify(encoded.data, encoded.name)
    mimes = FORMATS[kind].mime
    if encoded.mime is not None and encoded.mime not in mimes:
        raise BadEncoding(
            f"{encoded.name} claims to be {encoded.mime[:60]!r} but holds a {kind} image",
            f"Declare it as {mimes[0]}.",
        )
    return kind


class LocalImage:
    """An image that this process reads.

    Args:
        again: it was opened before under the same policy, so its checks need not be repeated.
    """

    def __init__(
        self, encoded: EncodedImage, kind: str, policy: ImagePolicy, *, again: bool = False
    ) -> None:
        data, self._name, self._policy = encoded.data, encoded.name, policy
        check = FORMATS[kind].check
        if check is not None and not again:
            check(data, policy, self._name)
        self._file = _open(data, kind, self._name)
        check_size(self._file.size, policy, self._name)
        self.frames = 1 if again else _count_frames(self._file, data, kind, policy, self._name)

    @property
    def can_reduce(self) -> bool:
        """Whether it can be decoded to fewer pixels."""
        return isinstance(self._file, JpegImageFile)

    @property
    def size(self) -> Size:
        """(width, height) as far as the header says: upright for JPEG files."""
        if self.can_reduce and 5 <= orientation(self._file) <= 8:  # quarter turns
            return self._file.height, self._file.width
        return self._file.size

    def reduce(self, wanted: Size) -> Size:
        """Have a JPEG decoded at 1/2, 1/4 or 1/8 if that is enough; returns what it will be.

        libjpeg then computes fewer pixels of each 8x8 block, where a resize would discard most of
        them.
        """
        turned = self.size != self._file.size
        width, height = (wanted[1], wanted[0]) if turned else wanted
        self._file.draft(None, (max(1, int(width * _ENOUGH)), max(1, int(height * _ENOUGH))))
        return self._file.size

    def pixels(self, memory: memoryview | None = None) -> Image.Image:
        """Decode what is left to decode: into this memory, of its four bytes a pixel, if given.

        To be called once.
        """
        file = self._file
        place = None
        if memory is not None and file.mode == "RGB" and isinstance(file, _DECODED_IN_PLACE):
            place = map_pixels(memory, file.size)
            place.readonly = 0
            place.paste(0, (0, 0, *file.size))  # what a damaged file leaves out is nobody else's
            file.im = place.im  # where Pillow would make an image of its own
        pixels = picture_to_rgb(file, self._policy, self._name, consume=True)
        if memory is None or (place is not None and pixels.im is place.im):
            return pixels
        place = map_pixels(memory, pixels.size)
        place.readonly = 0
        place.paste(pixels)
        return place

    def decode(self, reduce_to: ReduceTo | None, check_pixels: CheckPixels | None) -> Decoded:
        """See `OpenedImage`."""
        full = None
        if reduce_to is not None and self.can_reduce:
            upright = self.size
            if (wanted := reduce_to(upright)) is not None:
                self.reduce(wanted)
                full = upright
        if check_pixels is not None:
            check_pixels(self._file.size)
        pixels = self.pixels()
        return Decoded(pixels, full or pixels.size, shows_nothing(pixels))

    def see(self) -> Seen:
        """See `OpenedImage`."""
        pixels = self.pixels()
        return Seen(pixels.size, shows_nothing(pixels))


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
            "Send one frame. Or raise `ImagePolicy.max_frames`.",
        )
    return frames

"""JPEG files, of which no row may be missing."""

from __future__ import annotations

from io import BytesIO
from typing import IO

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile, jpeg_factory

from .jpeg_segments import end_of_only_scan

_GREY = (127, 128)
"""What blocks without data become, in every channel; 127 where inverted."""

_CODES = bytes(range(1, 255))
_MORE_DATA = _CODES + b"".join(bytes([0xFF, restart]) + _CODES for restart in range(0xD0, 0xD8))
"""What was cut off begins within an interval, or with one of eight restart markers."""

_EIGHTH = 8


def read_jpeg(file: IO[bytes]) -> ImageFile:
    """Parse the header of a JPEG file; it raises OSError later if it ends early."""
    image = jpeg_factory(file)
    if type(image) is JpegImageFile:  # and none of several images, which Pillow has changed so, too
        image.__class__ = WholeJpeg
    return image


class WholeJpeg(JpegImageFile):
    """Raises OSError where libjpeg leaves pixels grey as the data of the only scan ends early.

    libjpeg only warns then, and Pillow doesn't pass that on. Where the last pixels are of that
    grey, the image is decoded with more data behind its own: that shows only where some is missing.
    """

    def load_end(self) -> None:
        super().load_end()
        width, height = self.size
        last = self.crop((max(0, width - 2), height - 1, width, height)).tobytes()
        if not set(last).issubset(_GREY) or not isinstance(self.fp, BytesIO):
            return
        data = self.fp.getvalue()
        end = end_of_only_scan(data)
        if end and _sketch(data) != _sketch(data[:end] + _MORE_DATA + data[end:]):
            raise OSError("its pixels end early")


def _sketch(data: bytes) -> bytes:
    image = JpegImageFile(BytesIO(data))
    image.draft("L", (max(1, image.width // _EIGHTH), max(1, image.height // _EIGHTH)))
    return image.tobytes()

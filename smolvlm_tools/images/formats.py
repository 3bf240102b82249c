"""The image formats that are read. A new one is a reader of Pillow's and its entry in `FORMATS`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeAlias

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import CorruptImage, UnsupportedFormat
from .frames import check_png_chunks, count_gif_frames, count_tiff_pages
from .policy import ImagePolicy

DAMAGED = "Save the image again, or send another one."

Reader: TypeAlias = Callable[[IO[bytes]], ImageFile]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """How to recognise the files of one format, and how to read them."""

    read: Reader
    """Parses the header; the image decodes its pixels later."""
    magic: tuple[bytes, ...]
    """How its files begin."""
    mime: tuple[str, ...]
    """Accepted in a data URI; the first is the registered name."""
    riff: bytes = b""
    """The form type of a RIFF file, its bytes from 8 on."""
    check: Callable[[bytes, ImagePolicy, str], None] | None = None
    """Called with a file and its name before the header is parsed; raises if that costs much."""
    count_frames: Callable[[bytes, int], int] | None = None
    """Counts up to a limit plus one; None where Pillow does it without reading every frame."""
    has_pages: bool = False
    """Whether its frames are shown one after the other: pages, or the frames of an animation."""


FORMATS: dict[str, ImageFormat] = {
    "PNG": ImageFormat(
        PngImageFile,
        (b"\x89PNG\r\n\x1a\n",),
        ("image/png", "image/x-png", "image/apng"),
        check=check_png_chunks,
        has_pages=True,
    ),
    "JPEG": ImageFormat(
        jpeg_factory, (b"\xff\xd8\xff",), ("image/jpeg", "image/jpg", "image/pjpeg")
    ),
    "WEBP": ImageFormat(WebPImageFile, (b"RIFF",), ("image/webp",), riff=b"WEBP", has_pages=True),
    "GIF": ImageFormat(
        GifImageFile,
        (b"GIF87a", b"GIF89a"),
        ("image/gif",),
        count_frames=count_gif_frames,
        has_pages=True,
    ),
    "BMP": ImageFormat(BmpImageFile, (b"BM",), ("image/bmp", "image/x-bmp", "image/x-ms-bmp")),
    "TIFF": ImageFormat(
        TiffImageFile,
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        ("image/tiff", "image/tif"),
        count_frames=count_tiff_pages,
        has_pages=True,
    ),
}
"""By the name in `LoadedImage.format`."""


def magic_numbers() -> tuple[bytes, ...]:
    """How the files of any format begin."""
    return tuple(magic for known in FORMATS.values() for magic in known.magic)


def base64_starts() -> tuple[str, ...]:
    """How files begin in base64: those characters that the magic numbers determine."""
    return tuple(b64encode(magic)[: len(magic) * 4 // 3].decode() for magic in magic_numbers())


def identify(data: bytes, name: str) -> str:
    """The format of a file by its first bytes."""
    if not data:
        raise CorruptImage(f"{name} is empty", DAMAGED)
    for kind, known in FORMATS.items():
        if data.startswith(known.magic) and data[8:].startswith(known.riff):
            return kind
    if any(magic.startswith(data) for magic in magic_numbers()):
        raise CorruptImage(f"{name} ends after {len(data)} bytes", DAMAGED)
    *most, last = FORMATS
    raise UnsupportedFormat(
        f"{name} is not an image of a supported format",
        f"Use a {', '.join(most)} or {last} image.",
    )

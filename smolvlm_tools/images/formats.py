"""The image formats that are read. A new one is a reader of Pillow's and its entry in `FORMATS`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeAlias

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ..errors import CorruptImage, UnsupportedFormat
from .frames import (
    check_bmp_runs,
    check_gif_blocks,
    check_png_chunks,
    check_webp_chunks,
    count_gif_frames,
    is_cut_gif,
)
from .heif import BRANDS, read_heif
from .jpeg import read_jpeg
from .jpeg_segments import check_jpeg
from .png import WholePng
from .policy import ImagePolicy
from .tiff_directories import check_tiff, count_tiff_pages
from .webp import LeanWebp

DAMAGED = "Save the image again, or send another one."

Reader: TypeAlias = Callable[[IO[bytes]], ImageFile]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """How to recognise the files of one format, and how to read them."""

    read: Reader
    """Parses the header; the image decodes its pixels later."""
    magic: tuple[bytes, ...]
    """How its files begin, from `offset` on."""
    mime: tuple[str, ...]
    """Accepted in a data URI; the first is the registered name."""
    brands: tuple[bytes, ...] = (b"",)
    """What may stand from byte 8 on: a RIFF file's form type, an ISO file's major brand."""
    offset: int = 0
    """Where the magic number stands."""
    check: Callable[[bytes, ImagePolicy, str], None] | None = None
    """Called with a file and its name before the header is parsed; raises if that costs much."""
    count_frames: Callable[[bytes, int], int] | None = None
    """Counts up to a limit plus one; None where Pillow does it without reading every frame."""
    is_cut: Callable[[bytes], bool] | None = None
    """Whether frames may be missing at the end; None where a file says how many it has."""
    has_pages: bool = False
    """Whether its frames are shown one after the other: pages, or the frames of an animation."""

    def holds(self, data: bytes) -> bool:
        """Whether a file is of this format, by its first bytes."""
        return data.startswith(self.magic, self.offset) and data[8:].startswith(self.brands)

    def may_begin(self, data: bytes) -> bool:
        """Whether a file that ends within its magic number may have been of this format."""
        start = data[self.offset :]
        return bool(start) and any(magic.startswith(start) for magic in self.magic)


FORMATS: dict[str, ImageFormat] = {
    "PNG": ImageFormat(
        WholePng,
        (b"\x89PNG\r\n\x1a\n",),
        ("image/png", "image/x-png", "image/apng"),
        check=check_png_chunks,
        has_pages=True,
    ),
    "JPEG": ImageFormat(
        read_jpeg,
        (b"\xff\xd8\xff",),
        ("image/jpeg", "image/jpg", "image/pjpeg"),
        check=check_jpeg,
    ),
    "WEBP": ImageFormat(
        LeanWebp,
        (b"RIFF",),
        ("image/webp",),
        brands=(b"WEBP",),
        check=check_webp_chunks,
        has_pages=True,
    ),
    "HEIF": ImageFormat(
        read_heif,
        (b"ftyp",),
        ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"),
        brands=BRANDS,
        offset=4,
        has_pages=True,
    ),
    "GIF": ImageFormat(
        GifImageFile,
        (b"GIF87a", b"GIF89a"),
        ("image/gif",),
        check=check_gif_blocks,
        count_frames=count_gif_frames,
        is_cut=is_cut_gif,
        has_pages=True,
    ),
    "BMP": ImageFormat(
        BmpImageFile,
        (b"BM",),
        ("image/bmp", "image/x-bmp", "image/x-ms-bmp"),
        check=check_bmp_runs,
    ),
    "TIFF": ImageFormat(
        TiffImageFile,
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        ("image/tiff", "image/tif"),
        check=check_tiff,
        count_frames=count_tiff_pages,
        has_pages=True,
    ),
}
"""By the name in `LoadedImage.format`."""


def is_image(data: bytes) -> bool:
    """Whether a file is of a known format, by its first bytes."""
    return any(known.holds(data) for known in FORMATS.values())


def base64_starts() -> tuple[str, ...]:
    """How files begin in base64: the characters that a magic number at their start determines."""
    starts = [magic for known in FORMATS.values() if not known.offset for magic in known.magic]
    return tuple(b64encode(magic)[: len(magic) * 4 // 3].decode() for magic in starts)


def identify(data: bytes, name: str) -> str:
    """The format of a file by its first bytes."""
    if not data:
        raise CorruptImage(f"{name} is empty", DAMAGED)
    for kind, known in FORMATS.items():
        if known.holds(data):
            return kind
    if any(known.may_begin(data) for known in FORMATS.values()):
        raise CorruptImage(f"{name} ends after {len(data)} bytes", DAMAGED)
    *most, last = FORMATS
    raise UnsupportedFormat(
        f"{name} is not an image of a supported format",
        f"Use a {', '.join(most)} or {last} image.",
    )

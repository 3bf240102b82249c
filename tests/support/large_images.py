"""The largest images that are accepted of each kind, made on the fly."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from tests.support.broken_images import chunk, encode
from tests.support.floods import (
    jpeg,
    jpeg_of_empty_scans,
    jpeg_of_scans,
    png,
    tiff,
    tiff_of_tiles,
    webp,
)


def heif(size: tuple[int, int]) -> bytes:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return encode(Image.new("RGB", size), "HEIF", quality=50)


DECODES: dict[str, tuple[Callable[[], bytes | str], str]] = {
    "PNG 40 MP RGB": (lambda: png((8_000, 5_000), 8, 2), "8000x5000"),
    "PNG 40 MP grey 16": (lambda: png((8_000, 5_000), 16, 0), "8000x5000"),
    "PNG 40 MP palette, transparent": (
        lambda: png((8_000, 5_000), 8, 3, chunk(b"tRNS", b"\0\xff")),
        "8000x5000",
    ),
    "PNG 30 MP RGBA": (lambda: png((6_000, 5_000), 8, 6), "6000x5000"),
    "WebP 20 MP, alpha": (lambda: webp((10_000, 2_000), lossless=True), "10000x2000"),
    "WebP 20 MP, opaque": (lambda: webp((10_000, 2_000), "RGB"), "10000x2000"),
    "TIFF 40 MP int32": (lambda: tiff((8_000, 5_000), "I"), "8000x5000"),
    "TIFF 40 MP float": (lambda: tiff((8_000, 5_000), "F"), "8000x5000"),
    "TIFF 31 MP CMYK": (lambda: tiff((6_200, 5_000), "CMYK"), "6200x5000"),
    "TIFF 40 MP RGB": (lambda: tiff((8_000, 5_000), "RGB"), "8000x5000"),
    "GIF 40 MP": (lambda: encode(Image.new("P", (8_000, 5_000)), "GIF"), "8000x5000"),
    "JPEG 40 MP": (lambda: jpeg((8_000, 5_000)), "8000x5000"),
    "JPEG 30 MP turned": (lambda: jpeg((6_000, 5_000), 6), "5000x6000"),
    "JPEG 24 MP progressive 4:4:4": (
        lambda: jpeg((6_000, 4_000), progressive=True, subsampling=0),
        "6000x4000",
    ),
    "JPEG of 40 scans": (lambda: jpeg_of_scans(scans=39), "6300x6300"),
    "JPEG of 40 scans without data": (jpeg_of_empty_scans, "CorruptImage"),
    "TIFF of 60,000 strips": (lambda: tiff_of_tiles(60_000, 1), "1x60000"),
    "HEIF 24 MP": (lambda: heif((6_000, 4_000)), "6000x4000"),
}
"""The largest that are accepted of each kind."""

CASES = {name: make for name, (make, _) in DECODES.items()}

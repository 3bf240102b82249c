"""HEIF files, such as the HEIC photos of phones, read by libheif through pillow-heif."""

from __future__ import annotations

from typing import IO

from PIL.ImageFile import ImageFile

from ..errors import BackendUnavailable

BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""Major brands (ISO/IEC 23008-12, annex B and section 10) of files that hold HEVC or any image."""


def read_heif(file: IO[bytes]) -> ImageFile:
    """Parse the header of a HEIF file; its pixels come out upright, its EXIF then says so.

    Raises:
        BackendUnavailable: pillow-heif is not installed.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise BackendUnavailable(
            "reading HEIF images (HEIC) needs pillow-heif, which is not installed",
            "Run: pip install 'smolvlm-tools[heic]'",
        ) from error
    return HeifImageFile(file)

"""Images in the child: opened with what `isolated` sends, decoded to where it wants them."""

from __future__ import annotations

from typing import Any

from ..sandbox.messages import Message
from .encoded import EncodedImage
from .loaded import shows_nothing
from .opened import LocalImage, kind_of
from .policy import ImagePolicy

_PILLOW = (
    *("BmpImagePlugin", "GifImagePlugin", "JpegImagePlugin", "MpoImagePlugin", "PngImagePlugin"),
    *("PpmImagePlugin", "TiffImagePlugin", "WebPImagePlugin", "ExifTags", "ImageChops"),
    *("ImageCms", "ImageColor", "ImageFilter", "ImageOps", "ImagePalette", "ImageSequence"),
)
LIBRARIES = (
    *(f"PIL.{name}" for name in _PILLOW),
    *("pillow_heif", "numpy", "copy", "mmap", "random", "tempfile", "traceback", "zoneinfo"),
)
"""What Pillow and we import only when an image needs it; see `sandbox.services`."""


class _Image:
    """An image whose header is known."""

    def __init__(self, image: LocalImage) -> None:
        self._image: LocalImage | None = image
        self.facts = {"frames": image.frames, "size": image.size, "can_reduce": image.can_reduce}

    def answer(self, header: dict[str, Any], memory: memoryview | None) -> Message:
        assert self._image is not None
        if header["call"] == "reduce":
            return {"size": self._image.reduce(tuple(header["wanted"]))}, []
        image, self._image = self._image, None  # which would keep the memory
        pixels = image.pixels(memory)
        seen = {"size": pixels.size, "is_blank": shows_nothing(pixels)}
        sends = header["call"] == "pixels" and memory is None
        return seen, [pixels.tobytes()] if sends else []

    def close(self) -> None:
        self._image = None


def open_in_child(header: dict[str, Any], data: bytes) -> _Image:
    """Open an image; see `sandbox.services`."""
    encoded = EncodedImage(data, header["name"], header["mime"])
    return _Image(LocalImage(encoded, kind_of(encoded), ImagePolicy(**header["policy"])))

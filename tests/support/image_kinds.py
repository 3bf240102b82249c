"""Images of all formats and modes that are read, made on the fly."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

RGB = Image.merge(
    "RGB",
    [Image.linear_gradient("L").resize((48, 32)).rotate(angle) for angle in (0, 90, 180)],
)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _modes() -> dict[str, Image.Image]:
    rgba = RGB.convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize(RGB.size))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(RGB, *profiles, outputMode="LAB")
    assert lab is not None
    sixteen = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 42
    return {
        "RGB": RGB,
        "RGBA": rgba,
        "LA": rgba.convert("LA"),
        "L": RGB.convert("L"),
        "1": RGB.convert("1"),
        "P": RGB.quantize(32),
        "CMYK": RGB.convert("CMYK"),
        "YCbCr": RGB.convert("YCbCr"),
        "LAB": lab,
        "I;16": Image.fromarray(sixteen),
        "I": Image.fromarray(sixteen.astype(np.int32) * 1000),
        "F": Image.fromarray(sixteen.astype(np.float32) / 70000),
    }


_READABLE = {
    "PNG": ("RGB", "RGBA", "LA", "L", "1", "P", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("RGB", "L", "P", "1"),
    "BMP": ("RGB", "RGBA", "L", "1", "P"),
    "TIFF": ("RGB", "RGBA", "L", "1", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"),
}


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _compressed() -> dict[str, bytes]:
    ways = ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
    tiffs = {f"TIFF {way}": encode(RGB, "TIFF", compression=way) for way in ways}
    fax = {"TIFF group4": encode(RGB.convert("1"), "TIFF", compression="group4")}
    return {
        **tiffs,
        **fax,
        "JPEG progressive": encode(RGB, "JPEG", progressive=True),
        "WEBP lossless": encode(RGB, "WEBP", lossless=True),
        "PNG with a transparent colour": encode(RGB, "PNG", transparency=RGB.getpixel((3, 3))),
        "GIF with a transparent colour": encode(RGB.quantize(8), "GIF", transparency=1),
    }


def _animated() -> dict[str, bytes]:
    frames = [Image.new("L", (9, 7), level) for level in (10, 100, 200)]
    kinds = ("GIF", "PNG", "TIFF", "WEBP")
    more = {"save_all": True, "append_images": frames[1:]}
    grey = {f"{kind} of 3 frames": encode(frames[0], kind, **more) for kind in kinds}
    colours = {**more, "append_images": [RGB.rotate(90), RGB], "disposal": 2, "blend": 1}
    return {**grey, "PNG of 3 frames in colour": encode(RGB, "PNG", **colours)}


def _heif() -> dict[str, bytes]:
    if find_spec("pillow_heif") is None:
        return {}
    import pillow_heif

    found: dict[str, bytes] = {}
    for orientation in (1, 6):
        file = pillow_heif.HeifFile()
        file.add_from_pillow(RGB)
        stream = BytesIO()
        file.save(stream, quality=-1, exif=_exif(orientation).tobytes())
        found[f"HEIF turned {orientation}"] = stream.getvalue()
    return found


def image_files() -> dict[str, bytes]:
    """Encoded images by what they are; of HEIF only where its library is installed."""
    modes = _modes()
    plain = {
        f"{kind} {mode}": encode(modes[mode], kind)
        for kind, readable in _READABLE.items()
        for mode in readable
    }
    turned = {
        f"{kind} turned {orientation}": encode(RGB, kind, exif=_exif(orientation))
        for kind in ("PNG", "JPEG", "WEBP", "TIFF")
        for orientation in range(1, 9)
    }
    return {**plain, **turned, **_compressed(), **_animated(), **_heif()}

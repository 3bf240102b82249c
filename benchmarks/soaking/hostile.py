"""Images and arguments that a service must refuse at little cost, made on the fly."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def data_uri(content: bytes, kind: str = "png") -> str:
    """The bytes as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def _png(side: int, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side + 7) // 8 + 1) * side)
    parts = _chunk(b"IHDR", header), extra, _chunk(b"IDAT", rows), _chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


def _half() -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").save(stream, "JPEG")
    return stream.getvalue()[: len(stream.getvalue()) // 2]


@cache
def bad_calls() -> dict[str, tuple[str, dict[str, Any], frozenset[str]]]:
    """By name: the tool, its arguments, and the codes that are right."""
    bomb = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5_000_000)))
    images = {
        "half a JPEG": (data_uri(_half(), "jpeg"), "corrupt_image"),
        "13000 square": (data_uri(_png(13_000)), "image_too_large"),
        "text bomb": (data_uri(_png(8, bomb)), "image_too_large"),
        "0x0": (data_uri(_png(0)), "bad_dimensions"),
        "ZIP": (data_uri(b"PK\x03\x04" + bytes(60)), "unsupported_format"),
        "bad base64": ("data:image/png;base64,AAA", "bad_encoding"),
        "unknown handle": ("img:0123456789abcdef", "image_not_found"),
        "host path": ("/etc/passwd", "path_not_allowed"),
        "loopback URL": ("http://127.0.0.1:9/x.png", "url_not_allowed"),
    }
    calls = {
        name: ("describe_image", {"image": image}, frozenset({code}))
        for name, (image, code) in images.items()
    }
    handle = "img:0123456789abcdef"
    wrong = frozenset({"bad_arguments"})
    calls["unknown argument"] = ("describe_image", {"image": handle, "imag": 1}, wrong)
    calls["argument of another type"] = ("describe_image", {"image": handle, "pages": []}, wrong)
    calls["10^9 tokens"] = ("describe_image", {"image": handle, "max_new_tokens": 10**9}, wrong)
    calls["unknown tool"] = ("look", {"image": handle}, frozenset({"unknown_tool"}))
    return calls

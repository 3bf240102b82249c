"""Images as blocks and nodes hold them ⇄ as the engine takes them.

Base64 goes piece by piece: the conversion holds the interpreter's lock, 0.1 seconds for a file of
20 MB, and would keep an event loop waiting.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from llama_index.core.schema import MediaResource

from smolvlm_tools import check_url
from smolvlm_tools.errors import BadEncoding
from smolvlm_tools.images import ImageSource

_BYTES = 3 << 18
_DIGITS = 4 << 18


def source_of(data: Any, path: Any, url: Any, remedy: str) -> ImageSource | None:
    """What a block or node names, as `load_image` takes it; nothing is read or fetched here."""
    if isinstance(data, (str, bytes)) and data:
        return decode(data)
    if data:
        if data.seekable():  # so that the block can be sent again
            data.seek(0)
        return data
    if path:
        return path
    return check_url(str(url), remedy) if url else None


def decode(text: str | bytes) -> bytes:
    """The bytes behind base64 text."""
    pieces = (text[n : n + _DIGITS] for n in range(0, len(text), _DIGITS))
    try:
        return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except (binascii.Error, ValueError) as error:
        raise BadEncoding(f"an image's data is not base64 ({error})", "Encode it.") from error


def resource(data: bytes, mime: str) -> MediaResource:
    """Bytes as LlamaIndex holds them; its constructor would decode them again to check."""
    pieces = (data[n : n + _BYTES] for n in range(0, len(data), _BYTES))
    encoded = b"".join(base64.b64encode(piece) for piece in pieces)
    return MediaResource.model_construct(data=encoded, mimetype=mime)

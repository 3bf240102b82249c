"""Data URIs and base64 text to bytes."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from ..errors import BadEncoding
from .formats import base64_starts
from .policy import ImagePolicy

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]{0,30})://")
_DATA = re.compile(r"\s*data:", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_LONG = 64
_SHORT = 32
_LOOKED_AT = 4096


def abbreviate(text: str, length: int = 40) -> str:
    """The start of `text`, with "…" where the rest is left out."""
    return text if len(text) <= length else f"{text[:length]}…"


def url_scheme(text: str) -> str | None:
    """The lower-case scheme of a URL or data URI, None for anything else."""
    if _DATA.match(text):
        return "data"
    match = _SCHEME.match(text)
    return match.group(1).lower() if match else None


def is_plausible_base64(text: str) -> bool:
    """Whether `text` is meant as a base64 image rather than as a path.

    Broken base64 that starts like an image counts, so that the error is about the base64 and not
    about a missing file.
    """
    # The start is enough: the strict decoding that follows looks at every character.
    in_alphabet = _BASE64.fullmatch(text[:_LOOKED_AT]) is not None
    if in_alphabet and len(text) >= _LONG:
        return True
    starts = text.lstrip().startswith(base64_starts())
    return starts and len(text) >= _SHORT and (in_alphabet or "." not in text)


def decode_base64(text: str, policy: ImagePolicy, name: str) -> bytes:
    """Decode standard base64 (RFC 4648 section 4) with its padding; line breaks are allowed.

    The size is checked before decoding.
    """
    spaces = sum(text.count(space) for space in " \n\r\t")
    _check_size((len(text) - spaces) * 3 // 4 - 2, policy, name)
    compact = "".join(text.split())
    try:
        data = base64.b64decode(compact.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        outside = isinstance(error, UnicodeError)
        what = "characters outside base64" if outside else str(error).lower()
        raise BadEncoding(
            f"{name} {abbreviate(compact)!r} is not valid base64 ({what})",
            "Encode the file with standard base64 and keep the '=' padding.",
        ) from None
    _check_size(len(data), policy, name)
    return data


def decode_data_uri(text: str, policy: ImagePolicy) -> tuple[bytes, str | None]:
    """Decode `data:[mime][;parameter][;base64],payload` (RFC 2397).

    Returns the bytes and the lower-case MIME type, None when the URI names none.
    """
    header, comma, payload = text.lstrip()[len("data:") :].partition(",")
    if not comma:
        raise BadEncoding(
            f"the data URI {abbreviate(text)!r} has no comma",
            "Write data:image/png;base64,PAYLOAD.",
        )
    # A byte takes at most three characters, or four in percent-encoded base64.
    _check_size(len(payload) // 4, policy, "the data URI")
    fields = [field.strip().lower() for field in header.split(";")]
    mime = fields[0] or None
    if "base64" not in fields[1:]:
        data = unquote_to_bytes(payload)
        _check_size(len(data), policy, "the data URI")
        return data, mime
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("ascii", "replace")
    return decode_base64(payload, policy, "the data URI's payload"), mime


def _check_size(size: int, policy: ImagePolicy, name: str) -> None:
    if size > policy.max_bytes:
        raise policy.too_many_bytes(f"{name} has about {size:,} bytes")

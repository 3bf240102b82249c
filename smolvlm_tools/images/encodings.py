"""Data URIs and base64 text to bytes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from string import ascii_letters, digits

import numpy as np

from ..errors import BadEncoding
from .formats import base64_starts
from .policy import ImagePolicy

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]{0,30})://")
_DATA = re.compile(r"\s*data:", re.IGNORECASE)
_LONG = 64
_SHORT = 32
_LOOKED_AT = 4096
_SHOWN = 64
_WHITE_SPACE = " \t\n\r\v\f"
_ALPHABET = frozenset(ascii_letters + digits + "+/" + _WHITE_SPACE)
_LONGEST_HEADER = 1_000
"""Characters of a data URI before its comma; a MIME type has at most 255 (RFC 6838)."""

_PIECE = 1 << 20
"""Characters that are decoded at once, so that little memory is needed besides the result."""

_PERCENT = ord("%")
_NO_DIGIT = 16
_HEX_VALUES = np.full(256, _NO_DIGIT, np.uint8)
_HEX_VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = range(16)
_HEX_VALUES[np.frombuffer(b"ABCDEF", np.uint8)] = range(10, 16)


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
    start = text[:_LOOKED_AT].rstrip()
    start = start[: len(start) - min(2, len(start) - len(start.rstrip("=")))]
    in_alphabet = bool(start) and _ALPHABET.issuperset(start)
    if in_alphabet and len(text) >= _LONG:
        return True
    starts = text.lstrip().startswith(base64_starts())
    return starts and len(text) >= _SHORT and (in_alphabet or "." not in text)


def decode_base64(text: str, policy: ImagePolicy, name: str) -> bytes:
    """Decode standard base64 (RFC 4648 section 4) with its padding; line breaks are allowed.

    The size is checked before decoding.
    """
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return _from_base64((_ascii(piece, name) for piece in pieces), policy, name)


def decode_data_uri(text: str, policy: ImagePolicy) -> tuple[bytes, str | None]:
    """Decode `data:[mime][;parameter][;base64],payload` (RFC 2397).

    Returns the bytes and the lower-case MIME type, None when the URI names none. Besides the
    result it takes a few MB, however long the URI is.
    """
    begin = text.index(":") + 1
    comma = text.find(",", begin)
    if comma < 0:
        raise BadEncoding(
            f"the data URI {abbreviate(text)!r} has no comma",
            "Write data:image/png;base64,PAYLOAD.",
        )
    if comma - begin > _LONGEST_HEADER:
        raise BadEncoding(
            f"the data URI {abbreviate(text)!r} has {comma - begin:,} characters before its comma",
            "Write data:image/png;base64,PAYLOAD.",
        )
    fields = [field.strip().lower() for field in text[begin:comma].split(";")]
    mime = fields[0] or None
    if "base64" in fields[1:]:
        name = "the data URI's payload"
        if text.find("%", comma) < 0:
            pieces = (text[at : at + _PIECE] for at in range(comma + 1, len(text), _PIECE))
            return _from_base64((_ascii(piece, name) for piece in pieces), policy, name), mime
        return _from_base64(_unescaped(text, comma + 1), policy, name), mime
    # Every escape takes three characters for one byte, and no character takes less than a byte.
    _check_size(len(text) - comma - 1 - 2 * text.count("%", comma), policy, "the data URI")
    data = bytearray()
    for piece in _unescaped(text, comma + 1):
        data += piece
        _check_size(len(data), policy, "the data URI")
    return bytes(data), mime


def _from_base64(pieces: Iterator[bytes], policy: ImagePolicy, name: str) -> bytes:
    compact, white_space = bytearray(), _WHITE_SPACE.encode()
    for piece in pieces:
        compact += piece.translate(None, white_space)
        _check_size(len(compact) * 3 // 4 - 2, policy, name)
    try:
        data = base64.b64decode(compact, validate=True)
    except binascii.Error as error:
        raise _not_base64(compact[:_SHOWN].decode("latin-1"), str(error), name) from None
    _check_size(len(data), policy, name)
    return data


def _ascii(piece: str, name: str) -> bytes:
    try:
        return piece.encode("ascii")
    except UnicodeEncodeError as error:
        where = max(0, error.start - 1)
        outside = "characters outside base64"
        raise _not_base64(piece[where : where + _SHOWN], outside, name) from None


def _not_base64(start: str, what: str, name: str) -> BadEncoding:
    return BadEncoding(
        f"{name} {abbreviate(start)!r} is not valid base64 ({what.lower()})",
        "Encode the file with standard base64 and keep the '=' padding.",
    )


def _unescaped(text: str, begin: int) -> Iterator[bytes]:
    """Percent-decode a text from `begin` on (RFC 3986, section 2.1), a piece at a time.

    As in `urllib.parse.unquote_to_bytes` a sign that begins no escape stands for itself, and other
    characters for their UTF-8.
    """
    while begin < len(text):
        piece = text[begin : begin + _PIECE]
        if begin + _PIECE < len(text):  # an escape is not cut in two
            sign = piece.rfind("%", len(piece) - 2)
            piece = piece[:sign] if sign > 0 else piece
        begin += len(piece)
        try:
            encoded = piece.encode()
        except UnicodeEncodeError as error:
            raise BadEncoding(
                f"the data URI holds {piece[error.start]!r}, which is half a character",
                "Write data:image/png;base64,PAYLOAD.",
            ) from None
        yield _unescape(encoded) if b"%" in encoded else encoded


def _unescape(piece: bytes) -> bytes:
    given = np.frombuffer(piece, np.uint8)
    digits = _HEX_VALUES[given]
    high, low = digits[1:-1], digits[2:]
    (found,) = np.nonzero((given[:-2] == _PERCENT) & (high < _NO_DIGIT) & (low < _NO_DIGIT))
    decoded, kept = given.copy(), np.ones(len(given), bool)
    decoded[found] = high[found] << 4 | low[found]
    kept[found + 1] = kept[found + 2] = False
    return decoded[kept].tobytes()


def _check_size(size: int, policy: ImagePolicy, name: str) -> None:
    if size > policy.max_bytes:
        raise policy.too_many_bytes(f"{name} has about {size:,} bytes")

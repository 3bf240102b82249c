"""PDF and TIFF documents made on the fly."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from io import BytesIO

import pytest
from PIL import Image

pdf_only = pytest.mark.skipif(
    find_spec("pypdfium2") is None,
    reason="pypdfium2, the extra `pdf`, is not installed",
)
LETTER = b"0 0 612 792"


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF file of these objects, of which the first is the catalog."""
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    out += b"trailer<</Size %d/Root 1 0 R%s>>\n" % (size, trailer)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), entries, data)


def document(pages: int = 1, box: bytes = LETTER, content: bytes = b"", count: int = 0) -> bytes:
    """A document of equal pages."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + index) for index in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 3 0 R>>" % box
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count or pages),
        stream(content),
        *[page] * pages,
    )


RED_SQUARE = b"1 0 0 rg 100 500 200 200 re f"
"""In the upper left of a letter page."""


def tiff(*colours: str) -> bytes:
    frames = [Image.new("RGB", (40 + 10 * i, 30), colour) for i, colour in enumerate(colours)]
    out = BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def png(size=(40, 30), colour="green") -> bytes:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def encrypted(password: bytes) -> bytes:
    """An empty document under RC4 with 40 bits (PDF 1.7, section 7.6.3, revision 2)."""
    filler = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    padded = (password + filler)[:32]
    rights, identity = -4, b"0123456789abcdef"
    owner = rc4(hashlib.md5(padded).digest()[:5], padded)
    seed = padded + owner + rights.to_bytes(4, "little", signed=True) + identity
    user = rc4(hashlib.md5(seed).digest()[:5], filler)
    crypt = b"/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P %d>>/ID[<%s><%s>]" % (
        owner.hex().encode(),
        user.hex().encode(),
        rights,
        identity.hex().encode(),
        identity.hex().encode(),
    )
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % LETTER,
        trailer=crypt,
    )


def rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)

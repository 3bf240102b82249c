"""`load_image`: tells the kinds of source apart and reads each in its own way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import BadEncoding, CorruptImage, ImageNotFound, UnsupportedFormat, UrlNotAllowed
from ..types import PageRef
from .arrays import array_to_rgb
from .colour import picture_to_rgb
from .container import decode_image
from .encoded import CheckPixels, EncodedImage, ReduceTo
from .encodings import abbreviate, decode_base64, decode_data_uri, is_plausible_base64, url_scheme
from .files import read_file
from .loaded import KnownImages, LoadedImage
from .policy import ImagePolicy, PolicyLike

ImageSource = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | NDArray[Any]
    | EncodedImage
)
"""Everything `load_image` takes. An `EncodedImage` is what `read_image` or a page has made."""

_ACCEPTED = (
    "Give a path, an http(s) URL, a data URI, base64 text, bytes, a binary file object, "
    "a PIL image or a numpy array."
)
_LONGEST_PATH = 4096


def load_image(
    source: ImageSource,
    policy: PolicyLike | None = None,
    *,
    reduce_to: ReduceTo | None = None,
    check_pixels: CheckPixels | None = None,
    known: KnownImages | None = None,
) -> LoadedImage:
    """Read, check and decode one image from any kind of source.

    A `str` is taken as, in this order: a data URI, an http(s) or file URL, an existing path, base64
    text (only its alphabet, at least 64 characters or the start of a known format), else a path.

    Args:
        source: the image.
        policy: limits and permissions, or their name; "trusted" when None.
        reduce_to: from the image's upright size to the size at which it is needed; a JPEG is then
            decoded to fewer pixels where that is enough (up to 1/32 below). None decodes all.
        check_pixels: called with the size at which the image will be decoded; raises if that is
            too much. Not called for PIL images and arrays, which have their pixels already.
        known: remembers facts about images. Those it knows are read and hashed, but decoded only
            when their `pixels` are used.

    Returns:
        The first frame as upright RGB with its digest.

    Raises:
        InputError: one of its subclasses, which names the source as the caller gave it:
            ImageNotFound, CorruptImage, UnsupportedFormat, ImageTooLarge, BadDimensions,
            BadEncoding, PathNotAllowed, UrlNotAllowed, FetchFailed, FetchTimeout.
    """
    rules = ImagePolicy.named(policy or "trusted")
    return open_image(source, rules, reduce_to, check_pixels, known)()


def open_image(
    source: ImageSource,
    policy: ImagePolicy,
    reduce_to: ReduceTo | None = None,
    check_pixels: CheckPixels | None = None,
    known: KnownImages | None = None,
) -> Callable[[], LoadedImage]:
    """Read any source once; what is returned decodes it, as often as it is called."""
    if isinstance(source, Image.Image):
        return lambda: _from_picture(picture_to_rgb(source, policy, "the PIL image"))
    if isinstance(source, np.ndarray):
        return lambda: _from_picture(array_to_rgb(source, policy))
    return partial(
        decode_image,
        read_image(source, policy),
        policy,
        reduce_to=reduce_to,
        check_pixels=check_pixels,
        known=known,
    )


def _from_picture(pixels: Image.Image) -> LoadedImage:
    digest = hashlib.sha256(f"RGB {pixels.width}x{pixels.height} ".encode())
    digest.update(pixels.tobytes())
    return LoadedImage(pixels, digest.hexdigest(), pixels.size)


def read_image(source: ImageSource, policy: ImagePolicy) -> EncodedImage:
    """Read any source except PIL images and arrays, without decoding it; raises as `load_image`."""
    if isinstance(source, EncodedImage):
        return source
    if isinstance(source, str):
        return _read_text(source, policy)
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(cast("bytes", source))
        if view.nbytes > policy.max_bytes:
            raise policy.too_many_bytes(f"the image has {view.nbytes:,} bytes")
        return EncodedImage(view.tobytes(), "the image")
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        return EncodedImage(read_file(path, policy), _quote(path), ref=PageRef(source=path))
    if callable(getattr(source, "read", None)):
        return EncodedImage(_read_stream(cast("_Reader", source), policy), "the file object")
    raise UnsupportedFormat(f"a {type(source).__name__} is not an image source", _ACCEPTED)


def _read_text(text: str, policy: ImagePolicy) -> EncodedImage:
    scheme = url_scheme(text)
    if scheme == "data":
        data, mime = decode_data_uri(text, policy)
        return EncodedImage(data, "the data URI", mime)
    if scheme in ("http", "https"):
        from .fetch import fetch_url  # loads the HTTP client

        return EncodedImage(fetch_url(text, policy), _quote(text), ref=PageRef(source=text))
    if scheme == "file":
        data = read_file(_file_url_path(text), policy)
        return EncodedImage(data, _quote(text), ref=PageRef(source=text))
    if scheme is not None:
        raise UrlNotAllowed(
            f"{abbreviate(text)!r} has the scheme {scheme!r}", "Only http and https are fetched."
        )
    short = len(text) <= _LONGEST_PATH
    if is_plausible_base64(text) and not (short and os.path.exists(text)):
        return EncodedImage(decode_base64(text, policy, "the base64 text"), "the base64 text")
    if not text.strip() or not short:
        raise ImageNotFound(f"{abbreviate(text)!r} is not a path to an image", _ACCEPTED)
    return EncodedImage(read_file(text, policy), _quote(text), ref=PageRef(source=text))


def _quote(name: str) -> str:
    return repr(abbreviate(name, 200))


def _file_url_path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadEncoding(f"{abbreviate(url)!r} is not a valid URL", _ACCEPTED) from None
    if parts.netloc not in ("", "localhost"):
        raise UrlNotAllowed(
            f"{abbreviate(url)!r} names the host {parts.netloc!r}", "Use file:///path or a path."
        )
    path = unquote(parts.path)
    return path.lstrip("/") if os.name == "nt" else path


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes | str | None: ...


def _read_stream(stream: _Reader, policy: ImagePolicy) -> bytes:
    data = bytearray()
    while len(data) <= policy.max_bytes:
        try:
            part = stream.read(policy.max_bytes + 1 - len(data))
        except (OSError, ValueError, EOFError) as error:
            raise CorruptImage(
                f"the file object could not be read ({error})", "Pass a binary file that is open."
            ) from error
        if not part:
            return bytes(data)
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise BadEncoding(
                f"the file object returns {type(part).__name__}, not bytes",
                'Open the file in binary mode: open(path, "rb").',
            )
        data += part
    raise policy.too_many_bytes("the file object holds more than is read")

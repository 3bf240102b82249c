"""The check of URLs that stand in other people's messages and nodes."""

from __future__ import annotations

from ..errors import UrlNotAllowed
from .encodings import abbreviate, url_scheme


def check_url(url: object, remedy: str) -> str:
    """Return `url` if it is an http(s) URL or a data URI, never a local file in disguise.

    Raises:
        UrlNotAllowed: it is anything else.
    """
    if isinstance(url, str) and url_scheme(url) in ("http", "https", "data"):
        return url
    shown = abbreviate(url, 60) if isinstance(url, str) else type(url).__name__
    raise UrlNotAllowed(f"{shown!r} is not an http(s) URL or data URI", remedy)

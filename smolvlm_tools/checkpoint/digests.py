"""Digests of files: SHA-256, and the SHA-1 that git and the hub know small files by."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ALWAYS = 8_000_000
"""Files of at most so many bytes are read in full before each use: that takes 10 ms. Of larger ones
it is recorded that it was done."""

_CHUNK = 1 << 20
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")

Tick = Callable[[int], None]
"""Called with the number of bytes that were read since the last call."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What the content of a file is known by, in hexadecimal digits."""

    sha256: str
    git: str
    """SHA-1 of "blob SIZE", a zero byte and the content: git's name of it. "" if not asked for."""
    sha1: str
    """Of the content alone, by which some mirrors of the hub name files. "" if not asked for."""


def digest_file(path: Path, *, sha1: bool = False, tick: Tick | None = None) -> Digests:
    """Read a file once; raises OSError."""
    whole = hashlib.sha256()
    plain = hashlib.sha1(usedforsecurity=False)
    git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            whole.update(piece)
            if sha1:
                plain.update(piece)
                git.update(piece)
            if tick is not None:
                tick(len(piece))
    if not sha1:
        return Digests(whole.hexdigest(), "", "")
    return Digests(whole.hexdigest(), git.hexdigest(), plain.hexdigest())


def blob_name(path: Path) -> str | None:
    """What the hub's cache calls the content of a file there, which is the digest of it.

    The link in a snapshot leads to `blobs/ETAG`: a SHA-256, or git's SHA-1 of a small file. None
    where caches have no links (Windows), and for names that are no digests.
    """
    blob = Path(os.path.realpath(path))
    if blob.parent.name != "blobs" or not (_SHA256.fullmatch(blob.name) or _is_sha1(blob.name)):
        return None
    return blob.name


def _is_sha1(name: str) -> bool:
    return _SHA1.fullmatch(name) is not None

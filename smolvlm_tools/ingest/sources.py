"""From what people name (files, folders, globs, URLs) to sources that can be read."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import FetchFailed, ImageNotFound, InputError, PathNotAllowed
from ..images import EncodedImage, ImagePolicy, read_image
from ..images.encodings import url_scheme
from ..pages.suffixes import SUFFIXES
from ..pages.video.containers import SUFFIXES as VIDEOS
from ..types import PageRef

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """One file, unread.

    Attributes:
        name: what records call it.
        read: gets its bytes; raises `InputError`.
        stamp: changes whenever the content does, as far as its place can tell; None if it cannot.
        missing: why there is nothing to be read, where that is known; `read` raises it.
    """

    name: str
    read: Callable[[ImagePolicy], EncodedImage]
    stamp: Callable[[], str | None]
    missing: InputError | None = None


def find_sources(
    paths: Iterable[str | os.PathLike[str]],
    options: Mapping[str, Any] | None = None,
    *,
    videos: bool = False,
) -> Iterator[Source]:
    """All files that are meant, each once, folders in the order of their names.

    Args:
        paths: files, folders (searched recursively for files that are read, hidden ones left out),
            glob patterns, http(s) URLs, and URLs that fsspec knows (s3://, gs://, memory://, …),
            which may be folders and patterns, too.
        options: of fsspec's file system, such as credentials.
        videos: whether folders are searched for videos, too.

    A name behind which there is nothing becomes a source that raises when it is read.
    """
    seen: set[str] = set()
    ends = (*SUFFIXES, *VIDEOS) if videos else SUFFIXES
    for path in paths:
        text = os.fspath(path)
        scheme = url_scheme(text)
        if scheme in ("http", "https"):
            found = iter([_page_of_the_web(text)])
        elif scheme and scheme != "data":
            found = _remote(text, options or {}, ends)
        else:
            found = _local(text, ends)
        for source in found:
            if source.name not in seen:
                seen.add(source.name)
                yield source


def source_at(name: str, options: Mapping[str, Any] | None = None) -> Source:
    """The file that a source with this name is, also on another machine.

    Raises:
        FetchFailed: its file system cannot be reached.
    """
    scheme = url_scheme(name)
    if scheme in ("http", "https"):
        return _page_of_the_web(name)
    if not scheme or scheme == "data":
        return _file(name)
    try:
        around = name[name.index("::") :] if "::" in name else ""
        return _remote_file(*_file_system(name, options or {}), around)
    except Exception as error:  # every file system has its own
        raise _read_error(error, name) from error


def _local(text: str, ends: tuple[str, ...]) -> Iterator[Source]:
    if os.path.isdir(text):
        shut: list[OSError] = []
        for folder, folders, files in os.walk(text, onerror=shut.append):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if _is_read(name, ends):
                    yield _file(os.path.join(folder, name))
        yield from map(_closed_folder, shut)
    elif _MAGIC & set(text) and not os.path.exists(text):
        matches = sorted(set(_matches(text)))
        for match in matches:
            if os.path.isdir(match):
                yield from _local(match, ends)
            else:
                yield _file(match)
        if not matches:
            yield _nothing(text)
    else:
        yield _file(text)


def _matches(pattern: str) -> Iterator[str]:
    """What a pattern matches; ** does not follow links to folders, which may lead in a circle."""
    parts = pattern.replace(os.sep, "/").split("/")
    if "**" not in parts:
        yield from glob.iglob(pattern)
        return
    at = parts.index("**")
    top = "/".join(parts[:at]) or ("/" if at else "")
    below = "/".join(parts[at + 1 :]) or "*"
    for place in glob.iglob(top) if _MAGIC & set(top) else [top]:
        shut: list[OSError] = []
        for folder, folders, _ in os.walk(place or os.curdir, onerror=shut.append):
            folders[:] = [name for name in folders if not name.startswith(".")]
            start = os.path.relpath(folder) if not place else folder
            start = "" if start == os.curdir else glob.escape(start)
            yield from _matches(os.path.join(start, below))
        yield from (str(error.filename) for error in shut if isinstance(error, PermissionError))


def _is_read(name: str, ends: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(ends)


def _is_shown(path: str, ends: tuple[str, ...]) -> bool:
    *folders, name = path.split("/")
    return _is_read(name, ends) and not any(folder.startswith(".") for folder in folders)


def _file(path: str) -> Source:
    def stamp() -> str | None:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
        return f"{status.st_size} {times} {status.st_dev} {status.st_ino}"

    return Source(path, lambda policy: read_image(Path(path), policy), stamp)


def _closed_folder(error: OSError) -> Source:
    name = os.fspath(error.filename)
    reason = f"the folder {name!r} cannot be listed ({error.strerror})"
    return _missing(name, PathNotAllowed(reason, "Check permissions."))


def _page_of_the_web(url: str) -> Source:
    return Source(url, lambda policy: read_image(url, policy), lambda: None)


def _nothing(pattern: str) -> Source:
    return _missing(pattern, ImageNotFound(f"nothing matches {pattern!r}", "Check the pattern."))


def _missing(name: str, error: InputError) -> Source:
    def read(policy: ImagePolicy) -> EncodedImage:
        raise error

    return Source(name, read, lambda: None, error)


def _remote(url: str, options: Mapping[str, Any], ends: tuple[str, ...]) -> Iterator[Source]:
    """Files of a file system that fsspec opens."""
    try:
        system, path = _file_system(url, options)
        if _MAGIC & set(path):
            found = system.glob(path, detail=True)
            paths = [name for name, about in found.items() if about["type"] != "directory"]
        elif system.isdir(path):
            start = len(path.rstrip("/")) + 1
            paths = [name for name in system.find(path) if _is_shown(name[start:], ends)]
        else:
            paths = [path]
    except Exception as error:  # every file system has its own
        remedy = "Check the URL, and that the package for its file system is installed."
        yield _missing(url, FetchFailed(f"{url!r} cannot be opened ({error})", remedy))
        return
    if not paths and _MAGIC & set(path):
        yield _nothing(url)
    around = url[url.index("::") :] if "::" in url else ""
    for name in sorted(paths):
        yield _remote_file(system, name, around)


def _file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    import fsspec

    return cast("Any", fsspec).core.url_to_fs(url, **options)


def _remote_file(system: Any, path: str, around: str = "") -> Source:
    """A file of a file system; `around` is the archive or cache that it is in, as ::URL."""
    name: str = system.unstrip_protocol(path) + around

    def read(policy: ImagePolicy) -> EncodedImage:
        try:
            with system.open(path, "rb") as file:
                data: bytes = file.read(policy.max_bytes + 1)
        except Exception as error:  # every file system has its own
            raise _read_error(error, name) from error
        if len(data) > policy.max_bytes:
            raise policy.too_many_bytes(f"{name!r} is too long")
        return EncodedImage(data, repr(name), ref=PageRef(source=name))

    def stamp() -> str | None:
        try:
            return str(system.ukey(path))
        except Exception:  # the place cannot tell: the file is read
            return None

    return Source(name, read, stamp)


def _read_error(error: Exception, name: str) -> InputError:
    if isinstance(error, FileNotFoundError):
        return ImageNotFound(f"no file at {name!r}", "Check the path.")
    if isinstance(error, PermissionError):
        return PathNotAllowed(f"{name!r} cannot be opened ({error})", "Check permissions.")
    return FetchFailed(f"{name!r} cannot be read ({error})", "Try again.")

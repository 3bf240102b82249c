"""Folders, glob patterns and files → files, in an order that does not depend on the disk."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from os import PathLike

from smolvlm_tools import url_scheme
from smolvlm_tools.errors import ImageNotFound, PathNotAllowed, SmolVLMError
from smolvlm_tools.pages import SUFFIXES

Path = str | PathLike[str]
Found = tuple[str, SmolVLMError | None]
"""A file or URL, or what cannot be listed and why."""


def find_files(paths: Path | Sequence[Path]) -> list[Found]:
    """The files that paths stand for, each once.

    Of a folder, those at any depth whose names end as `open_pages` reads them, sorted by their
    paths; of a pattern ("scans/**/*.tif"), all that match, sorted. Hidden files and folders are
    left out, and links to folders are not followed. Anything else is a file or URL, which may not
    be there.

    Raises:
        ImageNotFound: a folder has no such file, or a pattern matches none.
    """
    several = [paths] if isinstance(paths, (str, PathLike)) else paths
    found: dict[str, Found] = {}
    for given in several:
        path = os.fspath(given)
        for entry in _files(path):
            found.setdefault(os.path.normpath(entry[0]) if not url_scheme(path) else path, entry)
    return list(found.values())


def _files(path: str) -> list[Found]:
    if url_scheme(path) or os.path.isfile(path):
        return [(path, None)]
    if os.path.isdir(path):
        files = sorted(_in_folder(path))
        if not files:
            raise ImageNotFound(
                f"the folder {path!r} has no file to read",
                f"Files whose names end in {', '.join(SUFFIXES)} are read.",
            )
        return files
    if not os.path.exists(path) and glob.has_magic(path):
        matches = sorted(filter(os.path.isfile, glob.glob(path, recursive=True)))
        if not matches:
            raise ImageNotFound(f"no file matches {path!r}", "Check the pattern.")
        return [(match, None) for match in matches]
    return [(path, None)]  # reading it says what is wrong


def _in_folder(folder: str) -> Iterator[Found]:
    closed: list[OSError] = []
    for here, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield os.path.join(here, name), None
    for error in closed:
        yield (
            error.filename,
            PathNotAllowed(
                f"the folder {error.filename!r} cannot be listed ({error.strerror})",
                "Check the permissions.",
            ),
        )

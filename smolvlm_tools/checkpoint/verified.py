"""A record of the files that were read in full and found right, kept beside them.

    {"version": 1, "files": {"model.safetensors": {"size": …, "mtime_ns": …, "sha256": …}}}

A file whose size and time of change are still those of the record is not read again. The record is
no proof against somebody who can write to the folder: he could write the record too.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..machine.whole_file import write_whole

_log = logging.getLogger(__name__)
_warned: set[str] = set()

VERSION = 1


@dataclass(frozen=True, slots=True)
class Verified:
    """A file as it was when it was found right."""

    size: int
    mtime_ns: int
    sha256: str
    known: bool
    """Whether it had the digest that it should have; else that was not known, and any later change
    is a fault."""

    def fits(self, stat: os.stat_result) -> bool:
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


class VerifiedFiles:
    """The record at `path`; files of at most `above` bytes are not written down."""

    def __init__(self, path: Path, *, above: int = -1) -> None:
        self.path, self._above = path, above
        self._files: dict[str, Verified] | None = None

    def get(self, name: str) -> Verified | None:
        return self._read().get(name)

    def names(self) -> frozenset[str]:
        return frozenset(self._read())

    def put(self, name: str, entry: Verified) -> None:
        """Write an entry down; a folder that cannot be written to is warned about once."""
        if entry.size <= self._above:
            return
        self._files = self._load()  # another process may have added to it
        self._files[name] = entry
        self._save(self._files)

    def drop(self, name: str) -> None:
        """Forget about a file."""
        self._files = self._load()
        if self._files.pop(name, None) is not None:
            self._save(self._files)

    def _read(self) -> dict[str, Verified]:
        if self._files is None:
            self._files = self._load()
        return self._files

    def _load(self) -> dict[str, Verified]:
        """What is in the file; nothing if it is not there or damaged: then all is checked again."""
        try:
            content: Any = json.loads(self.path.read_text(encoding="utf-8"))
            if content["version"] != VERSION:
                return {}
            return {name: _parse(entry) for name, entry in content["files"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    def _save(self, files: dict[str, Verified]) -> None:
        content = {"version": VERSION, "files": {n: asdict(e) for n, e in sorted(files.items())}}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            if str(self.path) not in _warned:
                _warned.add(str(self.path))
                _log.warning(
                    "%s cannot be written (%s): large files are read in full at each load.",
                    self.path,
                    error.strerror,
                )


def _parse(entry: Any) -> Verified:
    size, mtime_ns, sha256, known = (entry[key] for key in ("size", "mtime_ns", "sha256", "known"))
    if not (type(size) is type(mtime_ns) is int and isinstance(sha256, str)):
        raise ValueError(entry)
    return Verified(size, mtime_ns, sha256, known is True)

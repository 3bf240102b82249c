"""What has been done already, on disk: finished work by a key of everything it depends on.

One SQLite file in WAL mode. A process that is killed loses at most what it was working on; a power
cut may also lose the last entries, never the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from ..engine.identity import EngineIdentity
from ..errors import BadOptions, Busy, StoreFull
from ..machine.closing import Closing

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, failed INTEGER NOT NULL
) WITHOUT ROWID;
"""
_AT_ONCE = 500


class Ledger(Closing):
    """Finished work by its key. Safe between threads, and between processes.

        >>> from smolvlm_tools.ingest import Ledger
        >>> with Ledger("/tmp/done.ledger") as ledger:
        ...     ledger.put("one", '{"text": "a cat"}')
        ...     ledger.get("one")
        '{"text": "a cat"}'

    Args:
        path: the file; it is made where there is none.

    Raises:
        BadOptions: the file cannot be opened, or is not a ledger of this version.
        StoreFull: the disk is full; every method may raise it.
        Busy: another program has had it locked for a minute; every method may raise it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                self.path, timeout=60, check_same_thread=False, isolation_level=None
            )
            with _typed(self.path):
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
                version = self._database.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, _VERSION):
                    raise BadOptions(
                        f"{self.path!r} is a ledger of version {version}; this is {_VERSION}",
                        "Name another file.",
                    )
                self._database.execute(_TABLES)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error as error:
            raise BadOptions(
                f"{self.path!r} cannot be used as a ledger ({error})", "Name another file."
            ) from error

    def get(self, key: str) -> str | None:
        """What was put under a key; None if nothing was."""
        return self.find([key]).get(key)

    def find(self, keys: Iterable[str], *, failed: bool = True) -> dict[str, str]:
        """What was put under some keys, where there is something.

        Args:
            keys: any number of them.
            failed: whether entries of failures count.
        """
        wanted, found = list(keys), dict[str, str]()
        query = "SELECT key, body FROM entries WHERE failed <= ? AND key IN ({})"
        with self._lock, _typed(self.path):
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(part))
                found.update(self._database.execute(query.format(marks), (int(failed), *part)))
        return found

    def put(self, key: str, body: str, *, failed: bool = False) -> None:
        """Keep something under a key, in place of what was there.

        Args:
            key: see `digest_of`.
            body: any text.
            failed: whether it tells of a failure, which one may want to try again.
        """
        with self._lock, _typed(self.path):
            self._database.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, body, int(failed))
            )

    def close(self) -> None:
        with self._lock:
            self._database.close()


@contextlib.contextmanager
def _typed(path: str) -> Generator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        reason = f"{path!r} cannot be written ({error})"
        if "full" in str(error) or "disk I/O error" in str(error):
            raise StoreFull(reason, "Make room and run it again: it goes on.") from error
        if "locked" in str(error):
            raise Busy(reason, "Another program holds it; try again.") from error
        raise BadOptions(
            f"{path!r} cannot be used as a ledger ({error})", "Name another file."
        ) from error


def digest_of(parts: Mapping[str, Any]) -> str:
    """A key: the sha256 of everything that a piece of work depends on, as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def result_key(
    *, images: Sequence[str], prompt: object, options: Mapping[str, Any], engine: EngineIdentity
) -> str:
    """The key of one reply.

    Args:
        images: sha256 of every image, in the prompt's order.
        prompt: the texts around them.
        options: of the request, as far as the reply depends on them.
        engine: `SmolVLM.identity` or `SharedEngine.identity()`.
    """
    return digest_of(
        {
            "kind": "reply",
            "images": list(images),
            "prompt": prompt,
            "options": options,
            "engine": engine.model_dump(),
        }
    )


def _plain(value: object) -> Any:
    """What JSON has no form for, by a text that tells all of it."""
    if isinstance(value, type):
        schema = getattr(value, "model_json_schema", None)
        return schema() if schema else f"{value.__module__}.{value.__qualname__}"
    return repr(value)

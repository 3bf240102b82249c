"""`Known`: what the ledger has of files and their contents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import PasswordRequired
from .sources import Source
from .units import Keys, Unit, found_of


class Entries(Protocol):
    """What is needed of a `Ledger`."""

    def get(self, key: str) -> str | None: ...
    def find(self, keys: Iterable[str], *, failed: bool = True) -> dict[str, str]: ...
    def put(self, key: str, body: str, *, failed: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """Asks the ledger what is done already.

    Attributes:
        retry_errors: whether what failed before is to be tried again.
        has_password: whether that holds for what failed for want of a password.
    """

    keys: Keys
    ledger: Entries
    retry_errors: bool = False
    has_password: bool = False

    def stamp_key(self, source: Source) -> str | None:
        """The key of the content that a file has now; None if its place cannot tell."""
        stamp = source.stamp()
        return self.keys.of_stamp(source.name, stamp) if stamp else None

    def content(self, stamp_key: str | None) -> str | None:
        """The sha256 of a content, if all that is wanted of it is done."""
        sha256 = self.ledger.get(stamp_key) if stamp_key else None
        return sha256 if sha256 and self.is_done(sha256) else None

    def is_done(self, sha256: str) -> bool:
        """Whether all that is wanted of a content is done."""
        key = self.keys.of_file(sha256)
        body = self.ledger.find([key], failed=not self.retry_errors).get(key)
        if body is None:
            return False
        stored = json.loads(body)
        if isinstance(stored, int):
            return len(self.pages(sha256, stored)) == stored
        is_locked = any(
            found.error and found.error.code == PasswordRequired.code for found in found_of(body)
        )
        return not (is_locked and self.has_password)

    def pages(self, sha256: str, total: int) -> dict[str, str]:
        """The bodies of a content's pages that are done, by their keys."""
        keys = [self.keys.of_page(sha256, number) for number in range(1, total + 1)]
        return self.ledger.find(keys, failed=not self.retry_errors)

    def units(self, source: str, sha256: str, duplicate_of: str | None = None) -> Iterator[Unit]:
        """What the ledger has of a content, all of which is done."""
        key = self.keys.of_file(sha256)
        body = self.ledger.get(key)
        if body is None:
            return
        stored = json.loads(body)
        if not isinstance(stored, int):
            yield Unit(source, sha256, None, None, key, found_of(body), False, duplicate_of)
            return
        for number in range(1, stored + 1):
            page_key = self.keys.of_page(sha256, number)
            if page := self.ledger.get(page_key):
                found = found_of(page)
                yield Unit(source, sha256, number, stored, page_key, found, False, duplicate_of)

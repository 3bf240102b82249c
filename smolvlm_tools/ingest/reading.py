"""The first half of a run: sources → pages, by threads that let child processes do the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import InputError
from ..images import EncodedImage, ImagePolicy
from ..pages import Pages
from .channel import Channel
from .ledger import Ledger
from .page_work import PageContent, failed, read_page
from .sources import Source
from .units import Keys, Unit, found_of
from .wish import Wish


class OpenPages(Protocol):
    """Opens a file in a process that may fail."""

    def __call__(self, encoded: EncodedImage, /) -> Pages: ...


@dataclass(frozen=True, slots=True)
class File:
    """A source whose content is known.

    Attributes:
        encoded: its bytes; None where the ledger tells all that is wanted.
    """

    source: Source
    sha256: str
    encoded: EncodedImage | None


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page that is ready to be looked at."""

    file: File
    number: int
    total: int
    content: PageContent


@dataclass
class Reader:
    """Reads sources, and asks the ledger what is done already.

    Attributes:
        retry_errors: whether what failed before is tried again.
        duplicates: sources whose content another one had before them, with that one's name.
    """

    wish: Wish
    keys: Keys
    ledger: Ledger
    policy: ImagePolicy
    open: OpenPages
    retry_errors: bool = False
    duplicates: list[tuple[Source, str, str]] = field(default_factory=list[tuple[Source, str, str]])
    _first: dict[str, str] = field(default_factory=dict[str, str])

    def read_files(
        self, sources: Iterable[Source], files: Channel[File], units: Channel[Unit]
    ) -> None:
        """Read sources in their order, so that it is always the first of equal ones that counts."""
        for source in sources:
            try:
                file = self._file(source)
            except InputError as error:
                found = failed(error, self.wish)
                units.put(Unit(source.name, None, None, None, None, found))
                continue
            first = self._first.setdefault(file.sha256, source.name)
            if first != source.name:
                self.duplicates.append((source, file.sha256, first))
            else:
                files.put(file)

    def open_file(self, file: File, pages: Channel[ReadPage], units: Channel[Unit]) -> None:
        """Read the pages of a file that are not done yet, and hand on what is known of the rest."""
        if file.encoded is None:
            for unit in self.known_units(file.source.name, file.sha256):
                units.put(unit)
            return
        key = self.keys.of_file(file.sha256)
        try:
            document = self.open(file.encoded)
        except InputError as error:
            found = failed(error, self.wish)
            units.put(Unit(file.source.name, file.sha256, None, None, key, found))
            return
        with document:
            total = len(document)
            self.ledger.put(key, json.dumps(total))
            known = self._done(file.sha256, total)
            for number in range(1, total + 1):
                page_key = self.keys.of_page(file.sha256, number)
                if body := known.get(page_key):
                    units.put(self._unit(file, number, total, body))
                    continue
                try:
                    content = read_page(document, number, self.wish)
                except InputError as error:
                    found = failed(error, self.wish)
                    name = file.source.name
                    units.put(Unit(name, file.sha256, number, total, page_key, found))
                else:
                    pages.put(ReadPage(file, number, total, content))

    def known_units(
        self, source: str, sha256: str, duplicate_of: str | None = None
    ) -> Iterator[Unit]:
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

    def _file(self, source: Source) -> File:
        """A source's content, read only if the ledger does not know it or not all of it."""
        stamp = source.stamp()
        key = self.keys.of_stamp(source.name, stamp) if stamp else None
        sha256 = self.ledger.get(key) if key else None
        if sha256 and self._is_done(sha256):
            return File(source, sha256, None)
        encoded = source.read(self.policy)
        sha256 = hashlib.sha256(encoded.data).hexdigest()
        if key:
            self.ledger.put(key, sha256)
        return File(source, sha256, None if self._is_done(sha256) else encoded)

    def _is_done(self, sha256: str) -> bool:
        key = self.keys.of_file(sha256)
        body = self.ledger.find([key], failed=not self.retry_errors).get(key)
        if body is None:
            return False
        stored = json.loads(body)
        return not isinstance(stored, int) or len(self._done(sha256, stored)) == stored

    def _done(self, sha256: str, total: int) -> dict[str, str]:
        keys = [self.keys.of_page(sha256, number) for number in range(1, total + 1)]
        return self.ledger.find(keys, failed=not self.retry_errors)

    def _unit(self, file: File, number: int, total: int, body: str) -> Unit:
        key = self.keys.of_page(file.sha256, number)
        found = found_of(body)
        return Unit(file.source.name, file.sha256, number, total, key, found, False)

"""The first half of a run: sources → pages, by threads that let child processes do the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import BackendUnavailable, InputError
from ..images import EncodedImage, ImagePolicy
from ..pages import Pages
from .channel import Channel
from .known import Known
from .page_work import PageContent, failed, read_page
from .sources import Source
from .units import Unit, found_of
from .windows import Windows
from .wish import Wish

ABOUT_ONE_FILE = (InputError, BackendUnavailable)
"""Errors that leave the other files alone; also that the package for one format is not there."""


class OpenPages(Protocol):
    """Opens a file in a process that may fail."""

    def __call__(self, encoded: EncodedImage, /) -> Pages | Windows: ...


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


class Firsts(Protocol):
    """Which source had a content first; a dict, where nobody else reads."""

    def setdefault(self, sha256: str, source: str, /) -> str: ...


@dataclass
class Reader:
    """Reads sources, as far as they are not known already.

    Attributes:
        duplicates: sources whose content another one had before them, with that one's name.
    """

    wish: Wish
    known: Known
    policy: ImagePolicy
    open: OpenPages
    duplicates: list[tuple[Source, str, str]] = field(default_factory=list[tuple[Source, str, str]])
    firsts: Firsts = field(default_factory=dict[str, str])

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
            first = self.firsts.setdefault(file.sha256, source.name)
            if first != source.name:
                self.duplicates.append((source, file.sha256, first))
            else:
                files.put(file)

    def open_file(self, file: File, pages: Channel[ReadPage], units: Channel[Unit]) -> None:
        """Read the pages of a file that are not done yet, and hand on what is known of the rest."""
        if file.encoded is None:
            for unit in self.known.units(file.source.name, file.sha256):
                units.put(unit)
            return
        keys = self.known.keys
        key = keys.of_file(file.sha256)
        try:
            document = self.open(file.encoded)
        except ABOUT_ONE_FILE as error:
            found = failed(error, self.wish)
            units.put(Unit(file.source.name, file.sha256, None, None, key, found))
            return
        with document:
            total = len(document)
            self.known.ledger.put(key, json.dumps(total))
            known = self.known.pages(file.sha256, total)
            for number in range(1, total + 1):
                page_key = keys.of_page(file.sha256, number)
                if body := known.get(page_key):
                    units.put(self._unit(file, number, total, body))
                    continue
                try:
                    content = read_page(document, number, self.wish)
                except ABOUT_ONE_FILE as error:
                    found = failed(error, self.wish)
                    name = file.source.name
                    units.put(Unit(name, file.sha256, number, total, page_key, found))
                else:
                    pages.put(ReadPage(file, number, total, content))

    def _file(self, source: Source) -> File:
        """A source's content, read only if the ledger does not know it or not all of it."""
        key = self.known.stamp_key(source)
        if sha256 := self.known.content(key):
            return File(source, sha256, None)
        encoded = source.read(self.policy)
        sha256 = hashlib.sha256(encoded.data).hexdigest()
        if key:
            self.known.ledger.put(key, sha256)
        return File(source, sha256, None if self.known.is_done(sha256) else encoded)

    def _unit(self, file: File, number: int, total: int, body: str) -> Unit:
        key = self.known.keys.of_page(file.sha256, number)
        return Unit(file.source.name, file.sha256, number, total, key, found_of(body), False)

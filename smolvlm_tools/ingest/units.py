"""The unit of work: one page of one content. Its key, its body in the ledger, its records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..engine.identity import EngineIdentity
from .ledger import digest_of
from .record import VERSION, Found, Record
from .wish import Wish

_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """Makes the ledger's keys of one way of ingesting.

    Attributes:
        engine: what looks at pages; None where the model is never asked.
        recognizer: what reads them a second time, and its release; None without a check.
        opening: how documents are opened: everything that decides what their pages are.
    """

    wish: Wish
    engine: EngineIdentity | None
    opening: tuple[int, ...] = ()
    recognizer: str | None = None

    def of_file(self, sha256: str) -> str:
        """Of how many pages a content has."""
        return digest_of({"kind": "file", "content": sha256, "opening": self.opening})

    def of_page(self, sha256: str, page: int) -> str:
        """Of what was found out about one of its pages."""
        return digest_of(
            {
                "kind": "page",
                "record": VERSION,
                "content": sha256,
                "page": page,
                "opening": self.opening,
                "wish": self.wish.prompt_hash,
                "engine": self.engine.model_dump() if self.engine else None,
                "recognizer": self.recognizer,
            }
        )

    def of_stamp(self, source: str, stamp: str) -> str:
        """Of the content that a file had when it looked like this from outside."""
        return digest_of({"kind": "stamp", "source": source, "stamp": stamp})


@dataclass(frozen=True, slots=True)
class Unit:
    """What was found out about a page, or about a file that could not be opened.

    Attributes:
        key: in the ledger; None for what depends on the place and not on a content.
        is_new: whether it is not in the ledger yet.
    """

    source: str
    sha256: str | None
    page: int | None
    pages: int | None
    key: str | None
    found: Sequence[Found]
    is_new: bool = True
    duplicate_of: str | None = None

    @property
    def failed(self) -> bool:
        """Whether any of it is an error."""
        return any(each.error for each in self.found)

    @property
    def body(self) -> str:
        """What the ledger keeps."""
        return json.dumps([each.model_dump(mode="json") for each in self.found])

    def records(self) -> Iterable[Record]:
        """Its records, each with an id that another run gives it, too."""
        for each in self.found:
            key = self.key or (each.error.code if each.error else "")
            place = [self.source, self.page, each.picture, key, self.duplicate_of]
            yield Record(
                **dict(each),
                id=digest_of({"record": place})[:_ID_DIGITS],
                source=self.source,
                source_sha256=self.sha256,
                page=self.page,
                pages=self.pages,
                duplicate_of=self.duplicate_of,
            )


def found_of(body: str) -> list[Found]:
    """What `Unit.body` was made of."""
    return [Found.model_validate(each) for each in json.loads(body)]

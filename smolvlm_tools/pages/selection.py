"""Which pages of a document are meant: "1-3,7", "2-", "all" or a number."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import BadOptions

ALL = "all"
_RANGE = re.compile(r"(\d{1,9})(?:\s*(-)\s*(\d{1,9})?)?")
_LONGEST, _LAST = 1_000, 999_999_999
_FORM = 'Write numbers from 1 and ranges: "1-3,7", "2-" to the end, or "all".'


@dataclass(frozen=True, slots=True)
class PageSelection:
    """Ranges of pages, from 1 and inclusive; an open one ends with the document.

    Attributes:
        text: as it was written.
    """

    text: str
    ranges: tuple[tuple[int, int | None], ...]

    def numbers(self, total: int, name: str = "the document") -> list[int]:
        """The numbers in a document of `total` pages, in the order in which they were written.

        Raises:
            BadOptions: it has no such page.
        """
        found: list[int] = []
        for first, last in self.ranges:
            for end in (first, total if last is None else last):
                if end > total:
                    pages = "1 page" if total == 1 else f"{total} pages"
                    raise BadOptions(f"there is no page {end} in {name}", f"It has {pages}.")
            found += range(first, (total if last is None else last) + 1)
        return list(dict.fromkeys(found))


def parse_pages(pages: object) -> PageSelection | None:
    """Read a selection; None stays None.

    Raises:
        BadOptions: it is not one.
    """
    if pages is None or isinstance(pages, PageSelection):
        return pages
    if isinstance(pages, int) and not isinstance(pages, bool) and abs(pages) <= _LAST:
        pages = str(pages)
    if not isinstance(pages, str):
        shown = "…" if isinstance(pages, int) and abs(pages) > _LAST else repr(pages)[:60]
        raise BadOptions(f"`pages={shown}` is a {type(pages).__name__}", _FORM)
    if len(pages) > _LONGEST:
        raise BadOptions(f"a selection of pages has {len(pages):,} characters", "Write ranges.")
    if pages.strip() == ALL:
        return PageSelection(pages, ((1, None),))
    return PageSelection(pages, tuple(_range(piece.strip(), pages) for piece in pages.split(",")))


def _range(piece: str, pages: str) -> tuple[int, int | None]:
    match = _RANGE.fullmatch(piece)
    if not match:
        raise BadOptions(f"`pages={pages[:60]!r}` is not a selection of pages", _FORM)
    first, dash, last = int(match[1]), match[2], match[3]
    end = first if not dash else int(last) if last else None
    if first < 1 or (end is not None and end < first):
        raise BadOptions(f"`pages={pages[:60]!r}` has the range {piece!r}", _FORM)
    return first, end

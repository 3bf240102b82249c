"""Which pages of documents a call looks at, and how many images that may be."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadArguments, PagesNeeded
from ..pages import parse_pages
from ..pages.video import FrameChoice

MAX_IMAGES = 8


@dataclass(frozen=True, slots=True)
class PageChoice:
    """What a call says about pages, and what its tool can take.

    Attributes:
        pages: as the caller wrote it, such as "1-3,7"; None for nothing said.
        most: images and pages in one call.
        least: images and pages that there must be.
        takes_all: where nothing is said, all pages are meant if there is room for them.
        taken: images of the call that were chosen before.
        takes_videos: whether the tool looks at videos, each of which counts as one image.
        frames: which of their frames; where that is said, animations are videos, too, not pages.
    """

    pages: str | None = None
    most: int = MAX_IMAGES
    least: int = 1
    takes_all: bool = False
    taken: int = 0
    takes_videos: bool = False
    frames: FrameChoice | None = None

    def numbers(self, total: int, name: str) -> list[int]:
        """Numbers of the pages that are meant of an image or document of `total` pages.

        Raises:
            PagesNeeded: there are several, and nothing says which.
            BadArguments: more are meant than one call takes.
            BadOptions: `pages` is no selection, or names one that is not there.
        """
        chosen = parse_pages(self.pages)
        left = self.most - self.taken
        if chosen is not None:
            numbers = chosen.numbers(total, name)
        elif total == 1 or left < 1 or (self.takes_all and total <= left):
            numbers = list(range(1, total + 1))
        else:
            raise self._needed(total, name, left)
        if len(numbers) > left:
            raise self._too_many(len(numbers), name)
        return numbers

    def check_enough(self, count: int) -> None:
        """Refuse a call with fewer images than its tool needs.

        Raises:
            BadArguments: there are too few.
        """
        if count < self.least:
            there = "1 image is there" if count == 1 else f"{count} images are there"
            raise BadArguments(
                f"{there}, and this needs {self.least} or more",
                'Name more images, or several pages of a document: `pages="1-2"`.',
            )

    def _needed(self, total: int, name: str, left: int) -> PagesNeeded:
        if self.most == 1:
            return PagesNeeded(
                f"{name} has {total} pages, and one image is wanted",
                f'Say which: `pages="1"`, up to `pages="{total}"`.',
                total,
            )
        if self.takes_all:
            return PagesNeeded(
                f"{name} has {total} pages, and there is room for {left} in this call",
                f'Say which, and call again for the rest: `pages="1-{left}"` first.',
                total,
            )
        together = f', or `pages="1-{min(3, total, left)}"` to look at several' if left > 1 else ""
        return PagesNeeded(
            f"{name} has {total} pages, and nothing says which are meant",
            f'Say which: `pages="1"`{together}; at most {left} in this call.',
            total,
        )

    def _too_many(self, count: int, name: str) -> BadArguments:
        images = "1 image" if count == 1 else f"{count} images"
        before = f" after {self.taken} others" if self.taken else ""
        return BadArguments(
            f"{name} gives {images}{before}, and one call takes {self.most} at most",
            "Call once for each page."
            if self.most == 1
            else "Choose fewer pages or images, and call again for the rest.",
        )

"""Documents that are read page after page, each page in a request of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, cast

import numpy as np
from PIL import Image

from ..errors import IncompleteAnswer, InputError, OutOfMemoryBudget
from ..images import ImagePolicy, ImageSource, read_image
from ..machine.closing import Closing
from ..pages import Pages, is_document, open_pages, parse_pages
from ..pages.video import Clip, is_video, parse_frames
from ..prompt.request import RequestOptions, parse_on_progress
from ..prompt.tasks import Images
from ..types import Progress, VisionResult
from .crosscheck import Judge
from .reply import ReplyStream
from .usages import sum_of

Part: TypeAlias = Callable[[], ImageSource | Clip]
"""Gives an image; a page is rendered then."""


@dataclass(frozen=True, slots=True)
class Parts(Closing):
    """The images and pages of a call.

    Attributes:
        each: one after the other.
        by_page: whether there is a document of several pages, or a page of one beside others, so
            that each is read by itself.
    """

    each: Sequence[Part]
    by_page: bool
    _open: ExitStack = field(repr=False)

    def close(self) -> None:
        """Free the documents; images that were given stay valid."""
        self._open.close()


def open_parts(
    images: Images, pages: object, policy: ImagePolicy, *, is_film: bool = False
) -> Parts:
    """Read the sources of a call; without a selection of `pages`, all of a document's are meant.

    Args:
        is_film: whether an animation is a video, not pages.

    Raises:
        InputError: see `open_pages`; BadOptions for a page that is not there.
    """
    several = isinstance(images, (list, tuple))
    sources = cast("Sequence[ImageSource | Clip]", images if several else [images])
    chosen, each, by_page = parse_pages(pages), list[Part](), False
    with ExitStack() as stack:
        for source in sources:
            if isinstance(source, (Image.Image, np.ndarray)):
                numbers = chosen.numbers(1, "the image") if chosen else [1]
                each += [partial(_same, source) for _ in numbers]
                continue
            if isinstance(source, Clip):
                each.append(partial(_same, source))
                continue
            encoded = read_image(source, policy)
            if is_film or is_video(encoded.data):
                each.append(partial(_same, encoded))
                continue
            if not is_document(encoded, policy):
                numbers = chosen.numbers(1, encoded.name) if chosen else [1]
                each += [partial(_same, encoded) for _ in numbers]
                by_page |= encoded.ref.pages > 1 and len(sources) > 1
                continue
            document = stack.enter_context(open_pages(encoded, policy))
            total = len(document)
            numbers = chosen.numbers(total, encoded.name) if chosen else range(1, total + 1)
            each += [partial(_page, document, number) for number in numbers]
            by_page |= len(numbers) > 1
        return Parts(each, by_page, stack.pop_all())


def _same(source: ImageSource | Clip) -> ImageSource | Clip:
    return source


def _page(document: Pages, number: int) -> ImageSource:
    return document.encoded(number)


def wants_film(options: RequestOptions) -> bool:
    """Whether options choose frames, so that what has several is a video.

    Raises:
        BadOptions: they mean nothing.
    """
    chosen = parse_frames(options.get("frames"), options.get("start"), options.get("end"))
    return chosen is not None


def options_of_page(options: RequestOptions, page: int, pages: int) -> RequestOptions:
    """The options of one page's request, whose progress says which page it is."""
    report = parse_on_progress(options.get("on_progress"))
    own: RequestOptions = {**options, "pages": None}
    if report is not None:
        tell = report  # pyright forgets the check inside the function

        def tell_page(progress: Progress) -> None:
            tell(progress.model_copy(update={"page": page, "pages": pages}))

        own["on_progress"] = tell_page
    return own


@contextmanager
def naming_page(page: int, pages: int) -> Generator[None]:
    """Have errors that are about one page say which one it was."""
    try:
        yield
    except (InputError, OutOfMemoryBudget, IncompleteAnswer) as error:
        raise error.reworded(f"page {page} of {pages}: {error.reason}", error.remedy) from error


@dataclass(frozen=True, slots=True)
class PageReply:
    """A reply about a page, whose failures name it."""

    page: int
    pages: int
    reply: ReplyStream
    judge: Judge

    def result(self) -> VisionResult:
        with naming_page(self.page, self.pages):
            return self.judge(self.reply.result())

    def close(self) -> None:
        self.reply.close()


def join_pages(pages: Sequence[VisionResult]) -> VisionResult:
    """One result of several pages: their texts one after the other, the worst of their judgements.

    The confidence is that of the page that was read least surely.
    """
    first = pages[0]
    lists = all(isinstance(page.value, list) for page in pages)
    ends = [page.finish_reason for page in pages if page.finish_reason != "stop"]
    origins = {page.text_source for page in pages}
    tokens = [token for page in pages for token in page.tokens or ()]
    return first.model_copy(
        update={
            "text": "\n\n".join(page.text for page in pages),
            "value": [line for page in pages for line in page.value] if lists else None,
            "abstained": any(page.abstained for page in pages),
            "incomplete": next((page.incomplete for page in pages if page.incomplete), None),
            "finish_reason": ends[0] if ends else "stop",
            "usage": sum_of([page.usage for page in pages]),
            "confidence": min(page.confidence for page in pages),
            "flags": tuple(dict.fromkeys(flag for page in pages for flag in page.flags)),
            "image_sha256": tuple(sha for page in pages for sha in page.image_sha256),
            "sources": tuple(source for page in pages for source in page.sources),
            "text_source": origins.pop() if len(origins) == 1 else "both",
            "pages": tuple(pages),
            "check": None,  # each page has its own
            "tokens": None if first.tokens is None else tuple(tokens),
        }
    )

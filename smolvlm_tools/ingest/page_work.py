"""One page → its records: what its document has, and what the model says.

A page is read where it lies (in a worker's process), then looked at by the engine. The same
functions serve a run on one machine, on a cluster, and with a remote engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..errors import (
    BadOptions,
    Busy,
    InputError,
    ModelInvalid,
    OutOfMemoryBudget,
    SchemaNotSupported,
    SmolVLMError,
)
from ..images import EncodedImage
from ..pages import Page, Pages, Picture, TextLayer
from ..prompt.questions import Ask
from ..prompt.request import RequestOptions
from ..types import Task, TextSource, VisionResult
from .own_text import flags_of
from .page_check import PageCheck
from .record import Answer, Cost, Fault, Found
from .rounding import DIGITS
from .second_reader import SecondReading
from .windows import Window, Windows
from .wish import FIELDS_NAME, Wish

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM

ABOUT_ONE_PAGE = (InputError, OutOfMemoryBudget)
"""Errors that leave the other pages alone."""

ABOUT_ALL_PAGES = (BadOptions, SchemaNotSupported)
"""Errors of what is asked, which every page would meet."""

GetEngine: TypeAlias = "Callable[[], SmolVLM]"
"""Gives the engine; loads it where the first page needs it."""

_CAPTION = "caption"
_BLANK = "blank_image"


@dataclass(frozen=True, slots=True)
class PageContent:
    """A page as its document has it.

    Attributes:
        layer: its text layer; None for images.
        page: the page's picture, where the model is to see it.
        pictures: those in it, where they are to be captioned.
        window: the part of a video that it is instead.
    """

    layer: TextLayer | None = None
    page: Page | None = None
    pictures: Sequence[Picture] = ()
    window: Window | None = None


def read_page(pages: Pages | Windows, number: int, wish: Wish) -> PageContent:
    """Read what is needed of one page.

    Raises:
        InputError: the page cannot be read.
    """
    if isinstance(pages, Windows):
        return PageContent(window=pages.window(number))
    layer = pages.text(number)
    pictures = pages.pictures(number) if wish.wants_pictures(layer) else ()
    if not wish.of_page(layer):
        return PageContent(layer, pictures=pictures)
    return PageContent(layer, pages.read(number), pictures)


def look_at_page(
    content: PageContent, wish: Wish, engine: GetEngine, cancel: threading.Event | None = None
) -> list[Found]:
    """The findings about a page and the pictures in it.

    Args:
        cancel: setting it ends the engine's work with `Cancelled`.

    Raises:
        SmolVLMError: what is wrong is not this page's fault.
    """
    look = Look(wish, engine, cancel)
    found = [look.at_page(content)]
    found += [look.at_picture(picture) for picture in content.pictures]
    return found


def failed(error: SmolVLMError, wish: Wish) -> list[Found]:
    """The finding about a page or file that cannot be read."""
    return [Found(error=Fault.of(error), prompt_hash=wish.prompt_hash)]


@dataclass(frozen=True, slots=True)
class Look:
    """Has the engine look at images."""

    wish: Wish
    engine: GetEngine
    cancel: threading.Event | None

    def at_page(self, content: PageContent) -> Found:
        """What there is to say about a page, or about a part of a video."""
        if content.window is not None:
            return self._at_window(content.window)
        base = _of_layer(content.layer, self.wish)
        asks = self.wish.of_page(content.layer)
        page = content.page
        if page is None or not asks:
            return base
        base = base.model_copy(update={"image_sha256": page.sha256})
        if page.is_blank:
            return base.model_copy(update={"flags": (*base.flags, _BLANK)})
        if self.wish.check is None or "transcription" not in asks:
            return self._at_image(base, page.encoded, asks)
        engine = self.engine()
        try:
            second = SecondReading.of(page, self.wish, engine, self.cancel)
        except ABOUT_ALL_PAGES:
            raise
        except (*ABOUT_ONE_PAGE, ModelInvalid) as error:  # the recogniser fails on this page
            return base.model_copy(update={"error": Fault.of(error)})
        return self._at_image(base, page.encoded, asks, {"logprobs": True}, second)

    def _at_window(self, window: Window) -> Found:
        base = _of_layer(None, self.wish).model_copy(
            update={"start": round(window.start, DIGITS), "end": round(window.end, DIGITS)}
        )
        options: RequestOptions = {"start": window.start, "end": window.end}
        options["policy"] = window.policy
        if (frames := self.wish.options.get("frames")) is not None:
            options["frames"] = frames
        return self._at_image(base, window.encoded, self.wish.of_page(None), options)

    def at_picture(self, picture: Picture) -> Found:
        """What there is to say about a picture in a page."""
        base = Found(
            picture=picture.number,
            bbox=picture.bbox,
            image_sha256=picture.sha256,
            prompt_hash=self.wish.prompt_hash,
        )
        if picture.is_blank:
            return base.model_copy(update={"flags": (_BLANK,)})
        source = EncodedImage(picture.data, f"picture {picture.number}", picture.mime)
        return self._at_image(base, source, {_CAPTION: self.wish.caption})

    def _at_image(
        self,
        base: Found,
        source: EncodedImage,
        asks: Mapping[str, Ask],
        own: RequestOptions | None = None,
        second: SecondReading | None = None,
    ) -> Found:
        """All replies about one image, from one look; waits while the engine is busy.

        Args:
            own: options of this image alone.
            second: what else was read on it, for the transcription's check.
        """
        options: RequestOptions = {
            **self.wish.options,
            "task": _task_of(asks),
            "cancel": self.cancel,
            "frames": None,  # of videos, which say so themselves
            **(own or {}),
        }
        engine = self.engine()  # what is wrong with loading it is not this page's fault
        while True:
            try:
                results = engine.ask_many(source, asks, **options)
            except Busy as busy:
                (self.cancel or threading.Event()).wait(busy.retry_after)
            except ABOUT_ALL_PAGES:
                raise
            except ABOUT_ONE_PAGE as error:
                return base.model_copy(update={"error": Fault.of(error)})
            else:
                if second is None:
                    return _with_replies(base, results)
                return _with_replies(base, *second.of_results(results))


def _task_of(asks: Mapping[str, Ask]) -> Task:
    """What a look is for, which decides how fine it is: as fine as the finest of them needs."""
    if "transcription" in asks or FIELDS_NAME in asks:
        return "transcribe"
    return "describe" if set(asks) == {_CAPTION} else "ask"


def _of_layer(layer: TextLayer | None, wish: Wish) -> Found:
    """What the document itself says about a page."""
    text: dict[str, str] = {}
    trusted = wish.trusts(layer)
    if layer is not None and "transcription" in wish.tasks and wish.text != "model":
        if layer.text.strip():
            text["transcription" if trusted and wish.text != "both" else "layer"] = layer.text
    return Found(
        text=text,
        text_source="layer" if text and trusted else None,
        flags=flags_of(layer),
        prompt_hash=wish.prompt_hash,
    )


def _with_replies(
    base: Found, results: Mapping[str, VisionResult], check: PageCheck | None = None
) -> Found:
    """A finding with what the model said."""
    text, confidence = dict(base.text), dict[str, float]()
    answers: dict[str, Answer] = {}
    fields = None
    for name, result in results.items():
        if name == FIELDS_NAME:
            fields = Answer.of(result)
        elif name.startswith("?"):
            answers[name[1:]] = Answer.of(result)
        else:
            text[name] = result.text
            confidence[name] = round(result.confidence, DIGITS)
    first = next(iter(results.values()))
    usages = [result.usage for result in results.values()]
    said = [results[name] for name in ("caption", "transcription") if name in results]
    origins: set[TextSource] = {result.text_source for result in said}
    if base.text_source is not None:
        origins.add(base.text_source)
    source: TextSource | None = "both" if len(origins) > 1 else next(iter(origins), None)
    flags = [*base.flags, *(flag for result in results.values() for flag in result.flags)]
    return base.model_copy(
        update={
            "text": text,
            "text_source": source,
            "answers": answers,
            "fields": fields,
            "confidence": confidence,
            "check": check,
            "flags": tuple(dict.fromkeys(flags)),
            "usage": Cost(
                tiles=first.usage.tiles,
                prompt_tokens=sum(usage.prompt_tokens for usage in usages),
                completion_tokens=sum(usage.completion_tokens for usage in usages),
            ),
            "model": first.model,
            "revision": first.revision,
            "backend": first.backend,
            "precision": first.precision,
        }
    )

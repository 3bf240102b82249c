"""The images of a request: opened one after the other, each decoded where it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from ..checkpoint.config import ImageConfig
from ..images import ImagePolicy, ImageSource, KnownImages, LoadedImage, open_image
from ..images.reading_orientation import quarter_turns
from ..pages import PageSelection, open_as_images, parse_pages
from ..pages.video import FrameChoice, open_film, parse_frames, pick_frames, read_source
from ..types import ImagePart
from .request import Request
from .resolution import Size, frame_to_decode, size_to_decode
from .tasks import reads_print

Decode = Callable[[], LoadedImage]


@dataclass(frozen=True, slots=True)
class ImageOpener:
    """What decides how the images of one request are opened.

    Attributes:
        policy: which are let in.
        check_pixels: see `load_image`.
        known: see `load_image`.
        max_side: see `RequestLayouter`.
    """

    image: ImageConfig
    request: Request
    policy: ImagePolicy
    check_pixels: Callable[[Size], None] | None = None
    known: KnownImages | None = None
    max_side: int | None = None

    def each(self) -> Iterator[Decode]:
        """Every image, page and frame in the order of the conversation."""
        for message in self.request.messages:
            for part in message.content:
                if isinstance(part, ImagePart):
                    for place, decode in enumerate(self._open(part)):
                        yield partial(_decode_following, decode) if place else decode

    def _open(self, part: ImagePart) -> Iterator[Decode]:
        choice = parse_frames(part.frames, part.start, part.end)
        source = read_source(part.image, self.policy)
        film = open_film(source, self.policy, wanted=choice is not None)
        if film is None:
            pages = parse_pages(part.pages)
            yield from self._open_pages(cast("ImageSource", source), pages)
            return
        if (pages := parse_pages(part.pages)) is not None:
            pages.numbers(1, film.name)
        bounds = partial(frame_to_decode, image=self.image, resolution=self.request.resolution)
        most, rate = self.image.most_frames, self.image.frames_per_second
        exact = self.request.resolution != "auto"
        wanted = choice or FrameChoice()
        for frame in pick_frames(film, wanted, bounds, most, rate, exact=exact):
            yield frame.load

    def _open_pages(self, source: ImageSource, pages: PageSelection | None) -> Iterator[Decode]:
        wanted = partial(
            size_to_decode,
            image=self.image,
            resolution=self.request.resolution,
            task=self.request.task,
            max_side=self.max_side,
        )
        for image in open_as_images(source, pages, self.policy, self.known):
            decode = open_image(image, self.policy, wanted, self.check_pixels, self.known)
            if reads_print(self.request.task):
                decode = partial(self._decode_upright, decode)
            yield decode

    def _decode_upright(self, decode: Decode) -> LoadedImage:
        """Turn a page that lies on its side or head, where its own print makes that sure."""
        image = decode()
        if self.known is None:
            turns = quarter_turns(image.pixels)
        else:
            turns = self.known.turns(image, quarter_turns)
        if turns:
            image.turn(turns)
        return image


def _decode_following(decode: Decode) -> LoadedImage:
    image = decode()
    image.follows = True
    return image

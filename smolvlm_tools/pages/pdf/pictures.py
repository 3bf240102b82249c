"""The pictures of a page: which images are one to a reader, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ImageTooLarge
from ...images import ImagePolicy
from ..content import Picture
from ..page import as_page
from .frame import Frame
from .images import PageImage, find_images, pixel_size
from .library import raw
from .objects import Drawn, drawn
from .rendering import render_region

MOST_PICTURES = 32
"""A page of more keeps the largest."""

COVERS_PAGE = 0.8
"""Share of a page from which on an image is the page itself: a scan, or a background."""

SMALLEST_SIDE = 32
"""Pixels. Bullets, rules and gradients have fewer."""

SMALLEST_SHARE = 0.01
"""Of the page: a square of 2.5 cm on A4. Icons take less."""

_OVERLAP = 0.25
"""Share of the smaller of two images from which on they are one picture: a drawing with shadows."""

_CONSIDERED = 256
"""Images, the largest, among which pictures are looked for."""


def pictures_of(page: Any, policy: ImagePolicy, longest_edge: int, name: str) -> Sequence[Picture]:
    """A page's pictures, rendered as the page shows them; see `Pages.pictures`.

    Rendering the region rather than extracting the stream takes care of masks, rotation, colour
    spaces, clips and strips, and the labels that are drawn over a picture are part of it.

    Raises:
        ImageTooLarge: an image of the page declares more than `policy.max_pixels`. Asked only
            where there is something to render.
    """
    objects, frame = list(drawn(page)), Frame.of(page)
    chosen = _choose(find_images(objects, frame), frame)
    if chosen:
        _check_pixels(objects, policy, name)
    return tuple(
        _render(number, image, page, frame, _longest(image, policy, longest_edge))
        for number, image in enumerate(chosen, 1)
    )


def _choose(images: list[PageImage], frame: Frame) -> list[PageImage]:
    """The pictures among images, in drawing order."""
    found = sorted((image for image in images if _is_picture(image, frame)), key=_by_area)
    whole = [image for image in _overlapping(found[:_CONSIDERED]) if _is_picture(image, frame)]
    return sorted(sorted(whole, key=_by_area)[:MOST_PICTURES], key=lambda image: image.at)


def _by_area(image: PageImage) -> float:
    return -image.box.area


def _overlapping(images: list[PageImage]) -> list[PageImage]:
    """Images joined where they overlap, also where they do so only once others are joined."""
    left, done = list(images), list[PageImage]()
    while left:
        image = left.pop(0)
        touching = [other for other in left + done if _overlap(image, other)]
        left = [other for other in left if not _overlap(image, other)]
        done = [other for other in done if not _overlap(image, other)]
        for other in touching:
            image = image.join(other)
        (left if touching else done).append(image)
    return done


def _overlap(one: PageImage, other: PageImage) -> bool:
    smaller = min(one.box.area, other.box.area)
    return one.box.cut(other.box).area >= _OVERLAP * smaller


def _is_picture(image: PageImage, frame: Frame) -> bool:
    share = image.box.area / frame.box.area
    side = min(image.box.width, image.box.height) * image.density
    return SMALLEST_SHARE <= share < COVERS_PAGE and side >= SMALLEST_SIDE


def _check_pixels(objects: list[Drawn], policy: ImagePolicy, name: str) -> None:
    """Refuse a page with an image that is too large: PDFium decodes those beneath a region too."""
    image = raw().FPDF_PAGEOBJ_IMAGE
    for object_ in objects:
        width, height = pixel_size(object_.handle) if object_.kind == image else (0, 0)
        if width * height > policy.max_pixels:
            raise ImageTooLarge(
                f"{name} has a picture of {width} x {height} pixels; the limit is "
                f"{policy.max_pixels:,} pixels",
                "Use a smaller picture. Or raise `ImagePolicy.max_pixels`.",
            )


def _longest(image: PageImage, policy: ImagePolicy, longest_edge: int) -> float:
    """Pixels along the longer side: as many as are stored, within the limits."""
    stored = max(image.box.width, image.box.height) * image.density
    return min(stored, longest_edge, policy.max_pixels**0.5)


def _render(number: int, image: PageImage, page: Any, frame: Frame, longest: float) -> Picture:
    bbox = frame.fractions(image.box)
    scale = longest / max(image.box.width, image.box.height)
    made = as_page(number, number, render_region(page, bbox, scale))
    size = made.width, made.height
    return Picture(number, bbox, made.data, made.mime, made.sha256, *size, made.is_blank)

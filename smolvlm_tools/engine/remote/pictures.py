"""An image of any source → the pixels that are known about, and the data URI that is sent."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import cast

import numpy as np
from PIL import Image

from ...images import (
    ImagePolicy,
    ImageSource,
    LoadedImage,
    decode_image,
    load_image,
    read_image,
)
from ...images.colour import orientation
from ...images.formats import FORMATS
from ...images.reading_orientation import quarter_turns
from ...pages import open_as_images, parse_pages
from ...pages.video import FrameChoice, open_film, parse_frames, pick_frames, read_source
from ...prompt.resolution import Size, fit_longest_edge
from ...types import Flag, ImagePart, PageRef

LONGEST_FRAME = 1024
"""Pixels along the longer side of a video's frame that is sent."""

_MIME = {"PNG": "image/png", "JPEG": "image/jpeg"}
"""What every server reads."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked image as it is sent.

    Attributes:
        sha256, ref, turned, own_text, layer_flags, said: see `LoadedImage`.
    """

    sha256: str
    is_blank: bool
    uri: str
    ref: PageRef
    turned: int
    own_text: str | None
    layer_flags: tuple[Flag, ...]
    said: tuple[str, str] = ("", "")


def open_pictures(part: ImagePart, policy: ImagePolicy, *, upright: bool) -> list[Picture]:
    """Load and check an image, a document's pages or a video's frames, as a local engine does.

    An image's own bytes are sent if every reader sees the same pixels in them: a PNG or JPEG of one
    frame, upright, gray or RGB without transparency. Else a PNG of the upright RGB pixels.

    Args:
        upright: whether a page that lies on its side by its own print is turned.

    Raises:
        InputError: see `load_image` and `open_as_images`.
    """
    choice = parse_frames(part.frames, part.start, part.end)
    source = read_source(part.image, policy)
    film = open_film(source, policy, wanted=choice is not None)
    if film is not None:
        frames = pick_frames(film, choice or FrameChoice(), _sent_frame)
        return [_as_png(frame.load()) for frame in frames]
    images = open_as_images(cast("ImageSource", source), parse_pages(part.pages), policy)
    return [_open(image, policy, upright) for image in images]


def _sent_frame(size: Size) -> Size:
    return fit_longest_edge(size, min(max(size), LONGEST_FRAME))


def _open(source: ImageSource, policy: ImagePolicy, upright: bool) -> Picture:
    if isinstance(source, (Image.Image, np.ndarray)):
        image, data = load_image(source, policy), None
    else:
        encoded = read_image(source, policy)
        image, data = decode_image(encoded, policy), encoded.data
    turns = quarter_turns(image.pixels) if upright else 0
    if turns:
        image.turn(turns)
    elif data is not None and _can_be_sent(image, data):
        return _picture(image, _MIME[str(image.format)], data)
    return _as_png(image)


def _can_be_sent(image: LoadedImage, data: bytes) -> bool:
    if image.format not in _MIME or image.frames != 1:
        return False
    with FORMATS[image.format].read(BytesIO(data)) as header:
        plain = header.mode in ("L", "RGB") and "transparency" not in header.info
        return plain and orientation(header) == 1


def _as_png(image: LoadedImage) -> Picture:
    file = BytesIO()
    image.pixels.save(file, "PNG", compress_level=1)
    return _picture(image, _MIME["PNG"], file.getvalue())


def _picture(image: LoadedImage, mime: str, data: bytes) -> Picture:
    uri = f"data:{mime};base64,{b64encode(data).decode()}"
    return Picture(
        image.sha256,
        image.is_blank,
        uri,
        image.ref,
        image.turned,
        image.own_text,
        image.layer_flags,
        image.said,
    )

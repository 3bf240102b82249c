"""A check reads images: of frames of a video there is none, as they are no pages to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ...errors import BadOptions
from ...images import EncodedImage, ImageSource
from ...pages.video import Clip, is_video, parse_frames
from ...prompt.request import RequestOptions


def only_stills(
    sources: Sequence[ImageSource | Clip], options: RequestOptions
) -> list[ImageSource]:
    """Return sources that `read_source` gave, if none is a video and no frames are chosen.

    Raises:
        BadOptions: there is one.
    """
    chosen = parse_frames(options.get("frames"), options.get("start"), options.get("end"))
    if chosen is not None or any(map(_is_video, sources)):
        raise BadOptions(
            "`check` reads images, and frames of a video are to be looked at",
            "Leave `check` out. Or give single frames, as images.",
        )
    return cast("list[ImageSource]", list(sources))


def _is_video(source: ImageSource | Clip) -> bool:
    if isinstance(source, EncodedImage):
        return is_video(source.data)
    return isinstance(source, Clip)

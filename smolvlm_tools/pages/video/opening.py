"""Sources → films, and films → the frames that are meant."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ...errors import BadOptions, CorruptImage, UnsupportedFormat
from ...images import EncodedImage, ImagePolicy, ImageSource, count_pages, read_image
from ...images.formats import identify
from ..opening import SOURCES
from .animated import AnimatedFilm
from .captions import AFTER_ALL, announce, introduce
from .choice import MOST_FRAMES, FrameChoice
from .clip import Clip, ClipFilm
from .containers import container_of, format_of, is_video
from .decoded import DecodedFilm, load_av
from .film import Bounds, Film, Frame
from .isolated import IsolatedFilm
from .sampling import sample_evenly
from .scenes import LOOKS_PER_SECOND, MOST_LOOKS, find_scenes
from .still import StillScenes

_LOOK = (64, 64)
"""Pixels of a frame that is only compared with others."""

_ROUNDING = 1e-4
"""Seconds."""


def read_source(source: ImageSource | Clip, policy: ImagePolicy) -> ImageSource | Clip:
    """A source that may be opened more than once: streams are read, and addresses fetched.

    Raises:
        InputError: see `read_image`.
    """
    known = isinstance(source, (Clip, Image.Image, np.ndarray))
    return source if known else read_image(source, policy)


def open_film(source: ImageSource | Clip, policy: ImagePolicy, *, wanted: bool) -> Film | None:
    """Open a video; None for an image.

    Args:
        wanted: whether animations are films, too, and any other image an error.

    Raises:
        BadOptions: a film is wanted, and the source is a still image or a document.
        InputError: see `read_image`, `DecodedFilm` and `AnimatedFilm`.
        BackendUnavailable: PyAV is not installed.
    """
    if isinstance(source, Clip):
        return ClipFilm(source, policy)
    if isinstance(source, (Image.Image, np.ndarray)):
        if wanted:
            raise _still("the image")
        return None
    encoded = read_image(source, policy)
    if not is_video(encoded.data):
        if not wanted:
            return None
        if not _is_animation(encoded, policy):
            raise _still(encoded.name)
    if not policy.isolate:
        return open_here(encoded, policy)
    if is_video(encoded.data):
        load_av()  # the child would say that it may not import it
    return IsolatedFilm(encoded, policy, _format_of(encoded))


def _is_animation(encoded: EncodedImage, policy: ImagePolicy) -> bool:
    if any(kind.recognises(encoded.data) for kind in SOURCES):
        return False
    try:
        return count_pages(encoded, policy) > 1
    except UnsupportedFormat as error:
        raise error.reworded(
            f"{encoded.name} is not a video of a supported format",
            "Use MP4, MOV, Matroska, WebM, AVI, MPEG, FLV or WMV; or an animated GIF, PNG or WebP.",
        ) from error


def open_here(encoded: EncodedImage, policy: ImagePolicy) -> Film:
    """Open a video or animation in this process."""
    make = DecodedFilm if is_video(encoded.data) else AnimatedFilm
    return make(encoded, policy)


def pick_frames(
    film: Film,
    choice: FrameChoice,
    bounds: Bounds,
    most: int = 64,
    per_second: float = 1.0,
    *,
    exact: bool = True,
) -> list[Frame]:
    """The frames that are meant, in order; none is decoded yet, but to find scenes.

    Args:
        bounds: at which size they are needed.
        most, per_second: where the choice does not say.
        exact: whether frames between which nobody sees a difference stay different pixels.

    Raises:
        BadOptions: no frame is shown between its `start` and `end`.
        CorruptImage: the file was cut before that.
        InputError: a frame that had to be looked at cannot be read.
    """
    facts = film.facts
    if isinstance(film, ClipFilm) and choice.most is None and choice.per_second is None:
        most, per_second = MOST_FRAMES, film.facts.fps  # somebody has chosen already
    first, end = _window(film, choice)
    wanted = choice.most or most
    if choice.way == "scenes":
        numbers = _scenes(film, first, end, wanted)
    else:
        rate = choice.per_second or per_second
        numbers = [first + n for n in sample_evenly(end - first, facts.fps, wanted, rate)]
    size, times = bounds(facts.size), film.times(numbers)
    last, read = len(numbers) - 1, film.read if exact else StillScenes(film).read
    return [
        Frame(
            film,
            number,
            seconds,
            before=("" if place else introduce(len(numbers), facts.seconds)) + announce(seconds),
            after=AFTER_ALL if place == last else "",
            bounds=size,
            read=read,
        )
        for place, (number, seconds) in enumerate(zip(numbers, times, strict=True))
    ]


def _window(film: Film, choice: FrameChoice) -> tuple[int, int]:
    """The numbers of the first frame that is meant and of the first after it that is not."""
    facts = film.facts
    beyond = choice.end is None or choice.end > facts.seconds + _ROUNDING
    if (facts.missing or facts.is_cut) and beyond:
        whole = (facts.frames + facts.missing) / facts.fps
        of_all = f" of {whole:.2f}" if facts.missing else ""
        raise CorruptImage(
            f"{film.name} was cut: it ends after {facts.seconds:.2f}{of_all} seconds",
            f"Send all of it, or choose an `end` below {facts.seconds:.2f}.",
        )
    if choice.start is None and choice.end is None:
        return 0, film.facts.frames
    end = math.inf if choice.end is None else choice.end
    first, after = film.between(choice.start or 0.0, min(end, 1e9))
    if first >= after:
        until = "" if choice.end is None else f" to `end={end:g}`"
        raise BadOptions(
            f"no frame of {film.name} is shown from `start={choice.start or 0:g}`{until}",
            f"It is {film.facts.seconds:.2f} seconds long.",
        )
    return first, after


def _scenes(film: Film, first: int, end: int, most: int) -> list[int]:
    looks = sample_evenly(end - first, film.facts.fps, MOST_LOOKS, LOOKS_PER_SECOND)
    numbers = sorted({first, *(first + number for number in looks)})
    return find_scenes(((number, film.read(number, _LOOK)) for number in numbers), most)


def _format_of(encoded: EncodedImage) -> str:
    container = container_of(encoded.data)
    return format_of(container) if container else identify(encoded.data, encoded.name)


def _still(name: str) -> BadOptions:
    return BadOptions(
        f"`frames`, `start` and `end` choose frames of a video, but {name} is not one",
        "Leave them out.",
    )

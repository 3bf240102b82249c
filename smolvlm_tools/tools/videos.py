"""Videos among the images of a call: which ones are, and what a result says of them."""

from __future__ import annotations

from contextlib import closing

from ..errors import UnsupportedFormat
from ..images import EncodedImage, ImagePolicy
from ..pages.video import is_video, open_film
from .page_choice import PageChoice


def see_video(
    encoded: EncodedImage, policy: ImagePolicy, choice: PageChoice
) -> tuple[tuple[int, int], str] | None:
    """Open a video once, for its upright size and format; None for an image or document.

    Raises:
        BadOptions: frames are chosen of what has none.
        UnsupportedFormat: it is a video, and the tool takes none.
        InputError: see `open_film`.
        BackendUnavailable: PyAV is not installed.
    """
    if not choice.takes_videos:
        if is_video(encoded.data):
            raise UnsupportedFormat(
                f"{encoded.name} is a video, and images are wanted here",
                "Use a tool that takes `frames`, such as describe_image or answer_question.",
            )
        return None
    film = open_film(encoded, policy, wanted=choice.frames is not None)
    if film is None:
        return None
    with closing(film):
        return film.facts.size, film.format

"""Long videos as windows of so many seconds, which ingestion treats as pages."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import BadOptions, CorruptImage
from ..images import EncodedImage, ImagePolicy
from ..machine.closing import Closing
from ..pages.video import open_film, parse_frames


def parse_window(window: object) -> float | None:
    """Seconds of a window such as "30s", "1:30" or 30; None stays None.

    Raises:
        BadOptions: it is none, or shorter than a second.
    """
    if window is None:
        return None
    try:
        choice = parse_frames(end=window)
    except BadOptions:
        choice = None
    if choice is None or choice.end is None or choice.end < 1:
        raise BadOptions(
            f"`window={window!r:.40}` is not a length of a part of a video",
            'Use seconds from 1 up, such as "30s" or "1:30".',
        )
    return choice.end


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a video.

    Attributes:
        encoded: the whole file.
        start, end: seconds; the last window ends with the video.
        policy: under which its frames are decoded: in a child.
    """

    encoded: EncodedImage
    start: float
    end: float
    policy: ImagePolicy


class Windows(Closing):
    """The windows of one video.

    Args:
        seconds: of each but the last, which may be shorter.

    Raises:
        InputError: the video cannot be opened.
        BackendUnavailable: PyAV is not installed.
    """

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy, seconds: float) -> None:
        self._encoded, self._seconds = encoded, seconds
        self._policy = policy.model_copy(update={"isolate": True})
        film = open_film(encoded, self._policy, wanted=False)
        if film is None:
            raise CorruptImage(f"{encoded.name} is not a video", "Leave it out.")
        self._length = film.facts.seconds
        film.close()

    def __len__(self) -> int:
        return max(1, math.ceil(self._length / self._seconds - 1e-3))

    def window(self, number: int) -> Window:
        """One of them by its number, from 1."""
        start = (number - 1) * self._seconds
        return Window(self._encoded, start, min(start + self._seconds, self._length), self._policy)

    def close(self) -> None:
        """Nothing is open: each window's frames are read when it is looked at."""

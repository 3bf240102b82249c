"""A film that a child process reads; see `smolvlm_tools.sandbox`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from PIL import Image

from ...errors import DocumentTooCostly
from ...images import EncodedImage, ImagePolicy
from ...sandbox.held import LEAVE_OUT, Held, Request, unpack
from ...sandbox.messages import Message
from ...sandbox.pool import SHARED
from ...sandbox.services import VIDEO
from .film import FilmFacts, Size

MOST_SECONDS = 60.0
"""Of reading one film, besides the limit on each call: its frames are asked for one by one."""


class IsolatedFilm:
    """A `Film` that a child has open.

    Raises:
        InputError: as `DecodedFilm` and `AnimatedFilm`; DocumentTooCostly: a limit was passed, or
            the child crashed.
    """

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy, fmt: str) -> None:
        self.name, self.format, self.source = encoded.name, fmt, encoded.ref.source
        header = {"mime": None, "policy": policy.for_bytes()}
        self._held = Held(VIDEO, encoded.name, header, encoded.data)
        self._spent = 0.0
        self.facts = self._ask(_facts, Request())

    def times(self, numbers: Sequence[int]) -> list[float]:
        """See `Film`."""
        return self._ask(_times, Request("times", args={"numbers": list(numbers)}))

    def between(self, start: float, end: float) -> tuple[int, int]:
        """See `Film`."""
        return self._ask(_between, Request("between", args={"start": start, "end": end}))

    def read(self, number: int, size: Size) -> Image.Image:
        """See `Film`."""
        request = Request("read", f"frame {number + 1}", {"number": number, "size": list(size)})
        return self._ask(_pixels, request)

    def close(self) -> None:
        """See `Film`."""
        self._held.close()

    def __del__(self) -> None:
        self.close()

    def _ask(self, read: Any, request: Request) -> Any:
        if self._spent > MOST_SECONDS:
            raise DocumentTooCostly(
                f"reading {self.name} takes over {MOST_SECONDS:g} seconds", LEAVE_OUT
            )
        began = time.monotonic()
        try:
            return unpack(read, SHARED.ask(self._held, request))
        finally:
            self._spent += time.monotonic() - began


def _facts(answer: Message) -> FilmFacts:
    facts = answer[0]
    frames, fps, (width, height) = int(facts["frames"]), float(facts["fps"]), facts["size"]
    if not (frames > 0 and 0 < fps < 1e9 and 0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise ValueError(f"{frames} frames of {width}x{height}")
    missing, is_cut = max(0, int(facts["missing"])), bool(facts["is_cut"])
    return FilmFacts(frames, fps, (int(width), int(height)), missing, is_cut)


def _times(answer: Message) -> list[float]:
    return [float(each) for each in answer[0]["times"]]


def _between(answer: Message) -> tuple[int, int]:
    first, last = answer[0]["between"]
    return int(first), int(last)


def _pixels(answer: Message) -> Image.Image:
    width, height = answer[0]["size"]
    return Image.frombytes("RGB", (int(width), int(height)), answer[1][0])

"""Which frames of a video a caller means: `frames="auto"|16|"2fps"|"scenes"`, `start`, `end`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from ...errors import BadOptions

MOST_FRAMES = 999
"""That may be asked for: over a thousand, and there is no context that holds them."""

LONGEST_SECONDS = 360_000
"""A hundred hours."""

_RATE = re.compile(r"(\d{1,4}(?:\.\d{1,6})?)\s*fps")
_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,2}):)?(\d{1,6}(?:\.\d{1,9})?)s?")
_FRAMES_FORM = 'Use "auto", a number such as 16, a rate such as "2fps", or "scenes".'
_TIME_FORM = 'Use seconds such as 12.5, or a time such as "1:30" or "0:01:30".'


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Which frames of a video are meant; the defaults are those of the checkpoint.

    Attributes:
        way: "even" spreads them over time, "scenes" takes the first of each scene.
        most: frames at most.
        per_second: frames a second, as far as `most` allows.
        start, end: seconds from the beginning of the video; None for its ends.
    """

    way: Literal["even", "scenes"] = "even"
    most: int | None = None
    per_second: float | None = None
    start: float | None = None
    end: float | None = None


def parse_frames(
    frames: object = None, start: object = None, end: object = None
) -> FrameChoice | None:
    """Read a choice of frames; None if there is none.

    Raises:
        BadOptions: it is not one.
    """
    if frames is None and start is None and end is None:
        return None
    first, last = _seconds("start", start), _seconds("end", end)
    if (first or 0.0) >= (math.inf if last is None else last):
        raise BadOptions(f"`start={start!r:.30}` is not before `end={end!r:.30}`", _TIME_FORM)
    if frames is None or frames == "auto":
        return FrameChoice(start=first, end=last)
    if frames == "scenes":
        return FrameChoice("scenes", start=first, end=last)
    rate = _RATE.fullmatch(frames) if isinstance(frames, str) else None
    if rate is not None and float(rate[1]) > 0:
        return FrameChoice(per_second=float(rate[1]), start=first, end=last)
    return FrameChoice(most=_count(frames), start=first, end=last)


def _count(frames: object) -> int:
    """A number, also as a command line has it."""
    if isinstance(frames, str) and frames.isascii() and frames.isdigit() and len(frames) < 9:
        frames = int(frames)
    if isinstance(frames, bool) or not isinstance(frames, int) or not 1 <= frames <= MOST_FRAMES:
        reason = f"`frames={frames!r:.60}` is not a choice of 1 to {MOST_FRAMES} frames"
        raise BadOptions(reason, _FRAMES_FORM)
    return frames


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    found = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value) if abs(value) < LONGEST_SECONDS else math.nan
    elif isinstance(value, str) and (match := _TIME.fullmatch(value.strip())):
        found = int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])
    if not 0 <= found < LONGEST_SECONDS:
        raise BadOptions(f"`{name}={value!r:.60}` is not a time in a video", _TIME_FORM)
    return found

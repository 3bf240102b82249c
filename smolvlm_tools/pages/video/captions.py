r"""What is said to the model before, between and after the frames of a video.

That of transformers' `SmolVLMProcessor` (5.23):

    You are provided the following series of two frames from a 0:00:02 [H:MM:SS] video.\n
    \nFrame from 00:00:<image>\nFrame from 00:01:<image>\n\n
"""

from __future__ import annotations

from datetime import timedelta

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

AFTER_ALL = "\n\n"


def introduce(frames: int, seconds: float) -> str:
    """Before the first frame of a video of so many seconds."""
    length = timedelta(seconds=int(seconds))
    return (
        f"You are provided the following series of {in_words(frames)} frames from a "
        f"{length} [H:MM:SS] video.\n"
    )


def announce(seconds: float) -> str:
    """Before a frame; minutes go on beyond 59."""
    return f"\nFrame from {int(seconds // 60):02d}:{int(seconds % 60):02d}:"


def in_words(number: int) -> str:
    """A number from 0 to 999 in English words, as num2words writes it."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    words = f"{_SMALL[hundreds]} hundred"
    return f"{words} and {_below_hundred(rest)}" if rest else words


def _below_hundred(number: int) -> str:
    if number < len(_SMALL):
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens - 2]}-{_SMALL[ones]}" if ones else _TENS[tens - 2]

"""The calls that every engine under measurement answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """A question about images, which come first in the prompt."""

    text: str
    images: tuple[Path, ...] = ()
    resolution: str | int = "native"  # or 1 tile, or "auto", which peers take as "native"


@dataclass(frozen=True, slots=True)
class Timing:
    """One reply in seconds; stages are None where they cannot be told apart from outside."""

    prompt_tokens: int  # the decoder's whole context at the first token
    tiles: int  # encoded or taken from a cache
    prepare: float | None
    vision: float | None
    prefill: float | None
    first_token: float  # from the request to the first token in the caller's hands
    step: float  # mean between two tokens; 0 with one


class Engine(Protocol):
    """A loaded model that decodes greedily and past the end-of-utterance token."""

    def reply(self, request: Request, new_tokens: int) -> Timing:
        """Decode exactly `new_tokens`."""

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        """Seconds to answer all requests, given at once."""

    def close(self) -> None: ...


def mean_gap(arrivals: Sequence[float]) -> float:
    """Mean time between two tokens; not the median, as a stream may deliver them in bursts."""
    return (arrivals[-1] - arrivals[0]) / max(1, len(arrivals) - 1)


def cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1

"""Requests that have images and beginnings in common, and an event that cancels them."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.paths import RECEIPT, SHAPES

HELLO = [{"role": "user", "content": "hello"}]


def asking(*parts: str | Path) -> list[dict]:
    """One user turn of texts and images."""
    content = [
        {"type": "image", "image": part}
        if isinstance(part, Path)
        else {"type": "text", "text": part}
        for part in parts
    ]
    return [{"role": "user", "content": content}]


CONVERSATIONS = [
    asking(SHAPES, "What color is the circle?"),
    asking(RECEIPT, "What does it say?"),
    asking(SHAPES, "How many shapes are there?"),
    asking("hello"),
    asking("What is in ", SHAPES, " and in ", RECEIPT, "?"),
    asking(SHAPES, RECEIPT, "Which one is larger?"),
    asking(SHAPES, RECEIPT, "Which one is smaller?"),
    [
        *asking(SHAPES, "What color is the circle?"),
        {"role": "assistant", "content": "red"},
        *asking("Sure?"),
    ],
    asking(SHAPES, "What color is the circle?"),
]


class Countdown(threading.Event):
    """Is set after it was asked so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def is_set(self) -> bool:
        self.times -= 1
        return self.times < 0

"""Which requests the clients send: good ones, bad ones, and good ones that are given up."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageDraw

from benchmarks.soaking.hostile import bad_calls, data_uri
from benchmarks.soaking.outcomes import BUSY, LEFT, OK

Leaving = Literal["cancel", "disconnect"]
COLOURS = ("red", "blue", "green", "orange", "purple", "black")
CANCELLED = ("cancelled", "rpc -32800")
"""What a server may still say of a request that its client has cancelled."""
GIVEN_UP = 0.12
"""The part of the good requests that their client gives up."""
FRESH = 0.05
"""The part of the good requests whose image nobody has sent before."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a tool.

    Attributes:
        kind: what it is counted under.
        expected: the words of an outcome that is right.
        leaving: how its client gives it up, if it does, `after` so many seconds.
    """

    kind: str
    tool: str
    arguments: dict[str, Any]
    expected: frozenset[str]
    leaving: Leaving | None = None
    after: float = 0.0


def picture(seed: int) -> bytes:
    """A small PNG of shapes that no other seed has."""
    chance = random.Random(seed)
    size = (chance.randrange(120, 360), chance.randrange(120, 360))
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, side = (chance.randrange(100) for _ in range(3))
        box = (x, y, x + side + 10, y + side + 10)
        draw.ellipse(box, fill=chance.choice(COLOURS))
    draw.text((5, 5), str(seed), fill="black")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


class Mix:
    """An endless sequence of requests, the same for the same seed.

    Args:
        bad: percent of requests that must be refused.
        handles: of images that the service has already loaded.
    """

    def __init__(self, bad: int, handles: Sequence[str], seed: int) -> None:
        self._bad = bad / 100
        self._handles = handles
        self._chance = random.Random(seed)
        self._fresh = seed * 1_000_000
        self._calls = list(bad_calls().items())

    def draw(self) -> Request:
        """The next request."""
        chance = self._chance
        if chance.random() < self._bad:
            name, (tool, arguments, codes) = chance.choice(self._calls)
            return Request(f"bad: {name}", tool, arguments, codes | {BUSY})
        if chance.random() < FRESH:
            self._fresh += 1
            arguments = {"image": data_uri(picture(self._fresh))}
            return Request("good: new image", "load_image", arguments, frozenset({OK, BUSY}))
        tool, arguments = self._question()
        if chance.random() >= GIVEN_UP:
            return Request(f"good: {tool}", tool, arguments, frozenset({OK, BUSY}))
        leaving: Leaving = chance.choice(("cancel", "disconnect"))
        arguments |= {"max_new_tokens": 64} if tool == "describe_image" else {}
        right = frozenset({OK, BUSY, LEFT, *CANCELLED})
        kind, after = f"given up: {leaving}", chance.uniform(0.0, 0.5)
        return Request(kind, tool, arguments, right, leaving, after)

    def _question(self) -> tuple[str, dict[str, Any]]:
        image = self._chance.choice(self._handles)
        if self._chance.random() < 0.5:
            return "describe_image", {"image": image, "max_new_tokens": 8}
        colour = self._chance.choice(COLOURS)
        question = f"Is there a {colour} circle?"
        return "answer_question", {"image": image, "question": question, "answer_type": "yes_no"}

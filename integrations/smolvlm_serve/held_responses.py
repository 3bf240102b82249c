"""Responses of `/v1/responses` that can be looked up and gone on from, within bounds.

An id is random, so whoever knows one was given it. All of this happens on the server's event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smolvlm_tools import ImagePart, Message, TextPart
from smolvlm_tools.images import EncodedImage

from .faults import Fault

MOST = 256
MOST_BYTES = 64_000_000


@dataclass(slots=True, eq=False)
class HeldResponse:
    """A response, and the conversation that it ends.

    Attributes:
        card: as clients see it.
        messages: what was said before it, and what it says once it is there; no instructions.
        task: finishes it in the background; None where a client waits for it.
    """

    card: dict[str, Any]
    messages: Sequence[Message]
    task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is still being worked on."""
        return self.card["status"] in ("queued", "in_progress")

    def stop(self) -> None:
        """Give it up, if it is still being worked on."""
        if self.task is not None and self.is_running:
            self.card["status"] = "cancelled"
            self.task.cancel()

    @property
    def size(self) -> int:
        """Bytes of the conversation, about."""
        return sum(_size(part) for message in self.messages for part in message.content)


@dataclass(slots=True)
class HeldResponses:
    """The last ones; those that are still running are kept whatever the bounds say.

    There are no more of these than the engine's queue takes.
    """

    most: int = MOST
    most_bytes: int = MOST_BYTES
    _held: OrderedDict[str, HeldResponse] = field(default_factory=OrderedDict[str, HeldResponse])

    def add(self, response: HeldResponse) -> None:
        """Keep a response; the oldest ones make room."""
        self._held[response.card["id"]] = response
        for name, each in [*self._held.items()]:
            if len(self._held) <= self.most and self._size() <= self.most_bytes:
                break
            if each is not response and not each.is_running:
                del self._held[name]

    def find(self, name: str) -> HeldResponse:
        """A response by its id.

        Raises:
            Fault: 404, it is not here, or not any more.
        """
        found = self._held.get(name)
        if found is None:
            text = f"there is no response {name[:80]!r} (any more): ask again"
            raise Fault(404, text, "response_not_found")
        return found

    def remove(self, name: str) -> None:
        """Stop and forget a response; raises as `find` does."""
        self.find(name).stop()
        del self._held[name]

    def _size(self) -> int:
        return sum(each.size for each in self._held.values())


def _size(part: TextPart | ImagePart) -> int:
    if isinstance(part, TextPart):
        return len(part.text)
    image = part.image
    return len(image.data if isinstance(image, EncodedImage) else image)

"""What all ways of asking and giving up have in common."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from smolvlm_tools.machine.closing import Closing

LONG: dict[str, Any] = {"max_new_tokens": 1500, "ignore_eos": True, "repetition_guard": False}
"""Options of a reply that takes far longer than giving it up."""

TOOL = "extract_fields"
_TEXTS = {f"text_{number}": {"type": "string", "minLength": 100} for number in range(8)}
_SCHEMA = {"type": "object", "properties": _TEXTS, "required": list(_TEXTS)}


class Asked(NamedTuple):
    """A request on its way.

    Attributes:
        give_up: gives it up.
        is_over: whether whoever waits for it has been told.
    """

    give_up: Callable[[], object]
    is_over: Callable[[], bool] = lambda: True


class Surface(Closing):
    """A way in. `ways` has, by name, what asks about an image and can give that up."""

    ways: dict[str, Callable[[str], Asked]]

    @abstractmethod
    def good(self, image: str) -> str:
        """The text of a short reply."""


def messages(image: str) -> list[dict[str, Any]]:
    """A conversation about an image."""
    words = {"type": "text", "text": "Describe it."}
    return [{"role": "user", "content": [{"type": "image", "image": image}, words]}]


def long_call(image: str) -> dict[str, Any]:
    """Arguments of `TOOL` whose answer is long."""
    return {"image": image, "schema": _SCHEMA, "max_new_tokens": 700}


NEIGHBOUR = [{"role": "user", "content": [{"type": "text", "text": "Describe it."}]}]
"""A conversation that decodes at once, as no image has to be opened for it."""

SHORT = {"max_new_tokens": 6}
NUMBERS = itertools.count(100)
"""Of JSON-RPC requests."""

"""What a child can do. A service is a module of a higher room, which the child imports by its name.

Such a module has a function `open_in_child(header, data)` that takes what `Held` sends and returns
an `Opened`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from .messages import Message

IMAGES = "smolvlm_tools.images.in_child"
PAGES = "smolvlm_tools.pages.worker.in_child"
SERVICES = (IMAGES, PAGES)


class Opened(Protocol):
    """What a child has opened."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the parent is told when it is open."""
        ...

    def answer(self, header: dict[str, Any], memory: memoryview | None) -> Message:
        """Do what a header's "call" says; large results go to `memory` if it was sent along."""
        ...

    def close(self) -> None: ...


Open: TypeAlias = Callable[[dict[str, Any], bytes], Opened]


def load_services() -> dict[str, Open]:
    """All services by name."""
    return {name: import_module(name).open_in_child for name in SERVICES}

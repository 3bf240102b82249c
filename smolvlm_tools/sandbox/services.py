"""What a child can do. A service is a module of a higher room, which the child imports by its name.

Such a module has a function `open_in_child(header, data)` that takes what `Held` sends and returns
an `Opened`, and may name `LIBRARIES`: modules that are to be imported while files can be read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from .messages import Message

IMAGES = "smolvlm_tools.images.in_child"
PAGES = "smolvlm_tools.pages.worker.in_child"
PROBE = "smolvlm_tools.sandbox.probe"
VIDEO = "smolvlm_tools.pages.video.in_child"
SERVICES = (IMAGES, PAGES, VIDEO, PROBE)

_CODECS = ("ascii", "cp1252", "cp437", "idna", "latin_1", "mac_roman", "utf_8_sig")
_WIDE_CODECS = ("utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le")


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
    """All services by name, and what they may need later, as no file can be read then."""
    services = {name: import_module(name) for name in SERVICES}
    libraries = [f"encodings.{name}" for name in _CODECS + _WIDE_CODECS]
    for service in services.values():
        libraries += getattr(service, "LIBRARIES", ())
    for name in libraries:
        try:
            import_module(name)
        except ImportError:  # an extra that is not installed; later it would be one not allowed
            sys.modules[name] = None  # pyright: ignore[reportArgumentType]
    return {name: service.open_in_child for name, service in services.items()}

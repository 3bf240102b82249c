"""Whether the client of a request is still there: whoever works for it is stopped when it leaves.

`guard` says so when a connection ends; nothing has to wait on the connection for that.
"""

from __future__ import annotations

from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import anyio

_KEY = "smolvlm_mcp.leaving"


class Leaving:
    """Of one request; to be used on the event loop."""

    def __init__(self) -> None:
        self._has_left = False
        self._scopes: list[anyio.CancelScope] = []

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> Leaving:
        """The one of an ASGI scope, which has it from then on."""
        return scope.setdefault(_KEY, cls())

    def happens(self) -> None:
        """The client has left."""
        self._has_left = True
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def cancels(self) -> Generator[None]:
        """When the client leaves, cancel the block, which then ends without an error."""
        with anyio.CancelScope() as scope:
            if self._has_left:
                scope.cancel()
            self._scopes.append(scope)
            try:
                yield
            finally:
                self._scopes.remove(scope)

"""Context managers that only have to be closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """A context manager that calls its `close` at the end of the block."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held; closing twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

"""What recognises words in pixels."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from ...types import Word


class Recognizer(Protocol):
    """Reads print. Safe to call from many threads.

    Attributes:
        name: what it is, and its release; stands in every result.
    """

    @property
    def name(self) -> str: ...

    def working_bytes(self, size: tuple[int, int]) -> int:
        """Memory of this process that reading a usual page of (width, height) takes."""
        ...

    def read(self, pixels: Image.Image) -> tuple[Word, ...]:
        """The words of an upright RGB image in reading order, in pixels of it.

        Raises:
            BackendUnavailable: what it is made of is not installed.
            ModelError: it failed.
        """
        ...

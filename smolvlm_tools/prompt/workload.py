"""What has to fit into memory at once: one request's images and tokens, and how many requests."""

from __future__ import annotations

from dataclasses import dataclass

from .resolution import Size, TileGrid


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One image of a request.

    Attributes:
        size: (width, height) in pixels at which it is decoded.
    """

    size: Size
    grid: TileGrid


@dataclass(frozen=True, slots=True)
class Workload:
    """One request, and how many of its kind decode together.

    Attributes:
        prompt_tokens: all tokens of the prompt, image tokens included.
        batch: requests that decode together.
    """

    images: tuple[PlannedImage, ...]
    prompt_tokens: int
    new_tokens: int
    batch: int = 1

    @property
    def tiles(self) -> int:
        return sum(image.grid.tiles for image in self.images)

    @property
    def sequence(self) -> int:
        """Tokens of one sequence at its end."""
        return self.prompt_tokens + self.new_tokens

"""Where things stand on the upright page, and the few things done with matrices and boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from ..content import BBox

Matrix: TypeAlias = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f: x' = a x + c y + e, y' = b x + d y + f (ISO 32000-1, section 8.3.3)."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Box(NamedTuple):
    """A rectangle in points, y upwards; empty where an edge meets or passes its opposite."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.top - self.bottom

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def is_empty(self) -> bool:
        return not (self.width > 0 and self.height > 0)

    def cut(self, other: Box) -> Box:
        """What both have in common."""
        return Box(
            max(self.left, other.left),
            max(self.bottom, other.bottom),
            min(self.right, other.right),
            min(self.top, other.top),
        )

    def join(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    def moved(self, matrix: Matrix) -> Box:
        """The box around this one once it is transformed."""
        a, b, c, d, e, f = matrix
        xs = [a * x + c * y + e for x in (self.left, self.right) for y in (self.bottom, self.top)]
        ys = [b * x + d * y + f for x in (self.left, self.right) for y in (self.bottom, self.top)]
        return Box(min(xs), min(ys), max(xs), max(ys))


UNIT = Box(0, 0, 1, 1)
"""What an image fills before its matrix places it."""


def concat(first: Matrix, then: Matrix) -> Matrix:
    """The matrix that does one after the other."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def is_finite(values: tuple[float, ...]) -> bool:
    """Whether none overflowed on its way through matrices."""
    return all(map(math.isfinite, values))


@dataclass(frozen=True, slots=True)
class Frame:
    """The visible box of a page (its crop box within its media box) and its rotation.

    Attributes:
        box: in the page's own points.
        turned: degrees clockwise by which viewers turn it.
    """

    box: Box
    turned: int

    @classmethod
    def of(cls, page: Any) -> Frame:
        return cls(Box(*page.get_bbox()), page.get_rotation())

    def fractions(self, box: Box) -> BBox:
        """A box within the page as fractions of the upright page, from its top left corner."""
        page = self.box
        left, right = (box.left - page.left) / page.width, (box.right - page.left) / page.width
        top, bottom = (page.top - box.top) / page.height, (page.top - box.bottom) / page.height
        turned: dict[int, BBox] = {
            0: (left, top, right, bottom),
            90: (1 - bottom, left, 1 - top, right),
            180: (1 - right, 1 - bottom, 1 - left, 1 - top),
            270: (top, 1 - right, bottom, 1 - left),
        }
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in turned[self.turned])
        return left, top, right, bottom

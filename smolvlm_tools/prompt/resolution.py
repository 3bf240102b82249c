"""Image size, resolution and checkpoint → tile grid and token count. Arithmetic only.

The arithmetic is that of transformers' `Idefics3ImageProcessor` (5.23, PIL path): the longest
edge is resized to a multiple of the tile, the short side follows the aspect ratio, then is rounded
up to whole tiles, so the aspect is slightly stretched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from ..checkpoint.config import ImageConfig
from ..errors import BadDimensions, BadOptions
from ..types import Resolution, Task
from .tasks import TASKS

Size: TypeAlias = tuple[int, int]
"""(width, height) in pixels."""

MAX_EDGE = 4096
"""Longest edge transformers' processor ever resizes to, whatever the configuration says."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """How an image becomes tiles.

    Attributes:
        steps: sizes the image is resized to, one after the other; the last is cut into tiles.
            Two where pixels are to be transformers' own, one under "auto".
        rows, cols: of the cut; 0 and 0 for a single, uncut tile.
    """

    steps: tuple[Size, ...]
    rows: int
    cols: int
    tile_size: int
    tokens_per_tile: int

    @property
    def split(self) -> bool:
        return self.rows > 0

    @property
    def tiles(self) -> int:
        """Tiles to encode, the global one included."""
        return self.rows * self.cols + 1

    @property
    def image_tokens(self) -> int:
        return self.tiles * self.tokens_per_tile


def parse_resolution(resolution: object) -> Resolution:
    """Return `resolution` if it is one for some checkpoint.

    Raises:
        BadOptions: neither "auto", "native" nor a number of tiles.
    """
    if resolution == "auto":
        return "auto"
    if resolution == "native":
        return "native"
    if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 1:
        raise BadOptions(
            f"resolution {resolution!r:.60} is not a resolution",
            'Use "auto", "native" or a number of tiles such as 2.',
        )
    return resolution


def check_resolution(resolution: object, image: ImageConfig | None) -> Resolution:
    """Return `resolution` if it is one; without an `image`, a server cuts as it likes.

    Raises:
        BadOptions: neither "auto", "native" nor a number of tiles in range.
    """
    if resolution == "auto":
        return "auto"
    if image is None:
        raise BadOptions(
            f"resolution {resolution!r} is not possible: the server cuts the images itself",
            'Leave it out, or use "auto".',
        )
    if isinstance(resolution, bool) or not isinstance(resolution, int):
        return parse_resolution(resolution)
    limit = MAX_EDGE // image.tile_size
    if not 1 <= resolution <= limit:
        raise BadOptions(f"resolution {resolution} is out of range", f"Use 1 to {limit} tiles.")
    return resolution


def auto_side(
    size: Size, image: ImageConfig, task: Task | None, max_side: int | None = None
) -> int:
    """The longest edge in tiles under "auto".

    The smallest number of tiles that does not shrink the image, at most the checkpoint's own, or
    `max_side`; so an image is never enlarged by a whole tile or more, but for a task's minimum.
    """
    side = math.ceil(max(size) / image.tile_size)
    return min(max(side, TASKS[task].min_side if task else 1), max_side or image.max_side)


def plan_grid(
    size: Size,
    image: ImageConfig,
    resolution: Resolution = "auto",
    task: Task | None = None,
    max_side: int | None = None,
) -> TileGrid:
    """Decide how an image of `size` is resized and cut.

    Args:
        size: (width, height) in pixels, after EXIF orientation.
        resolution: "native" does exactly what transformers' processor does with the checkpoint's
            configuration; N sets the longest edge to N tiles; "auto" is the N of `auto_side`.
        task: may raise the minimum under "auto".
        max_side: most tiles along the longest edge under "auto"; None for the checkpoint's own.

    Raises:
        BadDimensions: a side below one pixel.
        BadOptions: an impossible resolution.
    """
    if min(size) < 1:
        raise BadDimensions(f"an image of {size[0]}x{size[1]} pixels", "Pass at least 1x1.")
    tile = image.tile_size
    resolution = check_resolution(resolution, image)
    split = image.split if resolution == "native" else True
    first = fit_longest_edge(size, _longest_edge(size, image, resolution, task, max_side))
    whole = round_up_to_tiles(first, tile) if split else (tile, tile)
    cut = max(whole) > tile
    return TileGrid(
        steps=(whole,) if resolution == "auto" else (first, whole),
        rows=whole[1] // tile if cut else 0,
        cols=whole[0] // tile if cut else 0,
        tile_size=tile,
        tokens_per_tile=image.tokens_per_tile,
    )


def plan_frame(size: Size, image: ImageConfig, resolution: Resolution = "auto") -> TileGrid:
    """`plan_grid` for a frame of a video: one tile, unless a number of tiles is wanted.

    "native" does what transformers' `SmolVLMVideoProcessor` does: it resizes as for an image, and
    then to the one tile. "auto" leaves the first step out.
    """
    resolution = check_resolution(resolution, image)
    if isinstance(resolution, int):
        return plan_grid(size, image, resolution)
    tile = image.tile_size
    first = fit_longest_edge(size, image.longest_edge)
    steps = ((tile, tile),) if resolution == "auto" else (first, (tile, tile))
    return TileGrid(steps, 0, 0, tile, image.tokens_per_tile)


def frame_to_decode(size: Size, image: ImageConfig, resolution: Resolution = "auto") -> Size:
    """The size at which a frame still has all the detail that `plan_frame` shows."""
    if resolution == "auto":
        return image.tile_size, image.tile_size
    longest = image.longest_edge if resolution == "native" else resolution * image.tile_size
    return fit_longest_edge(size, longest)


def size_to_decode(
    size: Size,
    image: ImageConfig,
    resolution: Resolution = "auto",
    task: Task | None = None,
    max_side: int | None = None,
) -> Size | None:
    """The size at which an image still has all the detail that its grid shows; None for all of it.

    Only "auto" may be given less than every pixel: the rest promises transformers' own.
    """
    if check_resolution(resolution, image) != "auto":
        return None
    return fit_longest_edge(size, _longest_edge(size, image, "auto", task, max_side))


def _longest_edge(
    size: Size,
    image: ImageConfig,
    resolution: Resolution,
    task: Task | None,
    max_side: int | None,
) -> int:
    if resolution == "native":
        return image.longest_edge
    side = auto_side(size, image, task, max_side) if resolution == "auto" else resolution
    return side * image.tile_size


def fit_longest_edge(size: Size, longest: int) -> Size:
    """Scale so that the longest edge is `longest`; the other side is made even (or 1).

    Source: `_resize_output_size_rescale_to_max_len` and `_scale_below_upper_bound` there.
    """
    width, height = size
    aspect = width / height
    if width >= height:
        width, height = longest, int(longest / aspect)
        height += height % 2
    else:
        width, height = int(longest * aspect), longest
        width += width % 2
    return _cap_longest_edge((max(width, 1), max(height, 1)))


def _cap_longest_edge(size: Size) -> Size:
    width, height = size
    aspect = width / height
    if width >= height and width > MAX_EDGE:
        width, height = MAX_EDGE, int(MAX_EDGE / aspect)
    elif height > width and height > MAX_EDGE:
        width, height = int(MAX_EDGE * aspect), MAX_EDGE
    return max(width, 1), max(height, 1)


def round_up_to_tiles(size: Size, tile: int) -> Size:
    """Scale up to whole tiles: the long side first, the short one by the aspect ratio.

    Source: `resize_for_vision_encoder` there.
    """
    width, height = size
    aspect = width / height
    if width >= height:
        width = math.ceil(width / tile) * tile
        height = math.ceil(int(width / aspect) / tile) * tile
    else:
        height = math.ceil(height / tile) * tile
        width = math.ceil(int(height * aspect) / tile) * tile
    return width, height

from __future__ import annotations

import dataclasses

import pytest

from smolvlm_tools.checkpoint.config import ImageConfig
from smolvlm_tools.errors import BadDimensions, BadOptions
from smolvlm_tools.prompt.resolution import plan_grid

SMOLVLM_256M = ImageConfig(
    tile_size=512,
    longest_edge=2048,
    tokens_per_tile=64,
    split=True,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    rescale=1 / 255,
    resample=1,
)


@pytest.mark.parametrize(
    ("size", "resolution", "rows", "cols", "tiles"),
    [
        ((512, 512), "native", 4, 4, 17),
        ((1024, 768), "native", 3, 4, 13),
        ((1700, 2200), "native", 4, 4, 17),
        ((1024, 768), 2, 2, 2, 5),
        ((512, 512), 1, 0, 0, 1),
        ((2048, 1536), 1, 0, 0, 1),
    ],
)
def test_grids_are_those_of_the_published_table(size, resolution, rows, cols, tiles):
    grid = plan_grid(size, SMOLVLM_256M, resolution)
    assert (grid.rows, grid.cols, grid.tiles) == (rows, cols, tiles)


@pytest.mark.parametrize("longest", [1, 100, 512, 513, 1000, 1024, 1025, 1500, 2048, 3000, 9000])
@pytest.mark.parametrize("aspect", [0.01, 0.5, 1.0, 1.7, 30])
def test_auto_takes_the_smallest_grid_that_does_not_shrink(longest, aspect):
    size = (
        (longest, max(1, int(longest * aspect)))
        if aspect <= 1
        else (
            max(1, int(longest / aspect)),
            longest,
        )
    )
    grid = plan_grid(size, SMOLVLM_256M)
    tile, edge = 512, max(size)
    side = max(grid.rows, grid.cols, 1)
    assert side <= 4
    if edge <= 2048:
        resized = max(grid.steps[-1])
        assert edge <= resized < edge + tile
        assert side == 1 or (side - 1) * tile < edge


def test_transcription_gets_at_least_two_tiles_a_side_under_auto_only():
    assert plan_grid((300, 300), SMOLVLM_256M, "auto", "transcribe").tiles == 5
    assert plan_grid((300, 300), SMOLVLM_256M, "auto", "describe").tiles == 1
    assert plan_grid((300, 300), SMOLVLM_256M, 1, "transcribe").tiles == 1


def test_auto_never_exceeds_a_checkpoint_that_does_not_split():
    single = dataclasses.replace(SMOLVLM_256M, split=False)
    assert plan_grid((3000, 3000), single, "auto", "transcribe").tiles == 1
    assert plan_grid((3000, 3000), single, "native").tiles == 1


@pytest.mark.parametrize("resolution", [0, -1, 9, 2.5, True, "fast", None, "2"])
def test_an_impossible_resolution_is_refused_by_name(resolution):
    with pytest.raises(BadOptions, match="resolution"):
        plan_grid((100, 100), SMOLVLM_256M, resolution)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(BadDimensions):
        plan_grid((0, 10), SMOLVLM_256M)

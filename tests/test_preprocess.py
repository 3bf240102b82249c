from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools.model_config import ModelConfig
from smolvlm_tools.preprocess import make_tiles
from smolvlm_tools.resolution import plan_grid
from tests.transformers_reference import load_processor

SIZES = [
    (1, 1), (3, 3), (1, 50), (50, 1), (7, 5), (16, 9), (31, 33), (32, 32), (45, 45), (64, 64),
    (100, 99), (99, 100), (127, 128), (128, 127), (129, 130), (135, 90), (90, 135), (134, 136),
    (200, 50), (50, 200), (255, 256), (300, 301), (320, 240), (333, 77), (400, 300), (512, 512),
    (640, 480), (17, 611), (611, 17), (1000, 10), (10, 1000), (701, 703), (1024, 768),
]  # fmt: skip


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_native_tiles_are_bit_exact_with_transformers(tiny, size):
    config = ModelConfig.from_folder(tiny).image
    image = noise(size)
    expected = load_processor(tiny).image_processor(
        images=[[image]], return_tensors="np", return_row_col_info=True
    )
    grid = plan_grid(size, config, "native")
    tiles = make_tiles(image, grid, config)
    assert (expected["rows"][0][0], expected["cols"][0][0]) == (grid.rows, grid.cols)
    np.testing.assert_array_equal(tiles, expected["pixel_values"][0])


@pytest.mark.parametrize("size", [(640, 480), (333, 1000), (5, 3), (5000, 1), (2000, 1999)])
def test_full_size_native_tiles_are_bit_exact_with_transformers(reference, size):
    folder = reference / "SmolVLM-256M-Instruct"
    config = ModelConfig.from_folder(folder).image
    image = noise(size)
    expected = load_processor(folder).image_processor(images=[[image]], return_tensors="np")
    tiles = make_tiles(image, plan_grid(size, config, "native"), config)
    np.testing.assert_array_equal(tiles, expected["pixel_values"][0])


def test_an_integer_resolution_is_that_longest_edge_in_transformers(tiny):
    config = ModelConfig.from_folder(tiny).image
    image = noise((301, 199))
    for side in (1, 2, 3):
        expected = load_processor(tiny).image_processor(
            images=[[image]], return_tensors="np", size={"longest_edge": side * config.tile_size}
        )
        tiles = make_tiles(image, plan_grid(image.size, config, side), config)
        np.testing.assert_array_equal(tiles, expected["pixel_values"][0])


def test_the_stored_golden_image_gives_the_stored_pixels(reference):
    folder = reference / "SmolVLM-256M-Instruct"
    golden = np.load(folder / "golden_processor_640x480_gradient.npz")
    config = ModelConfig.from_folder(folder).image
    image = Image.fromarray(golden["image"])
    tiles = make_tiles(image, plan_grid(image.size, config, "native"), config)
    np.testing.assert_allclose(tiles.mean(axis=(2, 3)), golden["tile_mean"][0], atol=1e-6)

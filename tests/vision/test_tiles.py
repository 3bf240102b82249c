from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.prompt.resolution import plan_grid, size_to_decode
from smolvlm_tools.vision import tiles as tiles_module
from smolvlm_tools.vision.tiles import cut_frames, make_tiles, normalise
from tests.support.pictures import SIZES, noise
from tests.support.transformers_reference import load_processor


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


def test_grey_pictures_get_the_same_tiles_as_coloured_ones(tiny):
    config = ModelConfig.from_folder(tiny).image
    grey = Image.fromarray(np.asarray(noise((301, 199)))[:, :, 0]).convert("RGB")
    expected = load_processor(tiny).image_processor(images=[[grey]], return_tensors="np")
    tiles = make_tiles(grey, plan_grid(grey.size, config, "native"), config)
    np.testing.assert_array_equal(tiles, expected["pixel_values"][0])


def test_frames_normalised_in_micro_batches_are_the_tiles(tiny):
    config = ModelConfig.from_folder(tiny).image
    image = noise((301, 199))
    grid = plan_grid(image.size, config, "native")
    frames = cut_frames(image, grid, config)
    assert frames.dtype == np.uint8
    assert frames.shape == (grid.tiles, 3, grid.tile_size, grid.tile_size)
    parts = [normalise(frames[start : start + 2], config) for start in range(0, grid.tiles, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), make_tiles(image, grid, config))


def test_auto_resizes_once_and_differs_little_from_the_exact_path(tiny):
    config = ModelConfig.from_folder(tiny).image
    image = noise((40, 30)).resize((200, 120), Image.Resampling.BICUBIC)
    auto = plan_grid(image.size, config, "auto")
    side = max(auto.rows, auto.cols)
    exact = plan_grid(image.size, config, side)
    assert len(auto.steps) == 1
    assert (auto.rows, auto.cols, auto.steps[-1]) == (exact.rows, exact.cols, exact.steps[-1])
    difference = make_tiles(image, auto, config) - make_tiles(image, exact, config)
    assert np.abs(difference).mean() < 0.02


def test_auto_takes_pictures_that_were_decoded_with_fewer_pixels(tiny):
    config = ModelConfig.from_folder(tiny).image
    image = noise((40, 30)).resize((2000, 1500), Image.Resampling.BICUBIC)
    wanted = size_to_decode(image.size, config, "auto")
    assert wanted is not None and wanted[0] < 1000
    grid = plan_grid(image.size, config, "auto")
    reduced = image.resize((1000, 750), Image.Resampling.BOX)
    difference = make_tiles(reduced, grid, config) - make_tiles(image, grid, config)
    assert np.abs(difference).mean() < 0.02


@pytest.mark.parametrize("resolution", ["native", 1, 3])
def test_exact_resolutions_want_every_pixel(tiny, resolution):
    config = ModelConfig.from_folder(tiny).image
    assert size_to_decode((2000, 1500), config, resolution) is None


@pytest.mark.parametrize("grey", [True, False])
def test_a_large_image_is_cut_channel_by_channel_to_the_same_tiles(tiny, monkeypatch, grey):
    config = ModelConfig.from_folder(tiny).image
    image = noise((301, 199))
    image = image.convert("L").convert("RGB") if grey else image
    grid = plan_grid(image.size, config, 3)
    expected = cut_frames(image, grid, config)
    monkeypatch.setattr(tiles_module, "LARGE", 1)
    monkeypatch.setattr(tiles_module, "STRIP", 1_000)
    np.testing.assert_array_equal(cut_frames(image, grid, config), expected)


def test_grey_is_what_is_grey_to_its_last_row(tiny, monkeypatch):
    config = ModelConfig.from_folder(tiny).image
    monkeypatch.setattr(tiles_module, "STRIP", 1_000)
    image = noise((100, 90)).convert("L").convert("RGB")
    image.paste("red", (0, 89, 100, 90))
    frames = cut_frames(image, plan_grid(image.size, config, 1), config)
    assert any((frames[:, 0] != frames[:, channel]).any() for channel in (1, 2))

"""`smolvlm view` and `view_image`: the tiles as the model gets them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import InputError, PagesNeeded, load_image, open_checkpoint, view_image
from smolvlm_tools.prompt.resolution import plan_grid
from smolvlm_tools.vision.tiles import cut_frames
from smolvlm_tools.vision.view import GAP, LABEL, tile_corner
from tests.support.cli import only_line
from tests.support.documents import tiff
from tests.support.paths import RECEIPT, SHAPES

EMBEDDED = ("--model", "embedded")


@pytest.mark.parametrize("resolution", ["auto", "native", 1])
def test_the_tiles_are_the_models_pixel_by_pixel(resolution):
    config = open_checkpoint("embedded").config.image
    pixels = load_image(RECEIPT).pixels
    grid = plan_grid(pixels.size, config, resolution, "transcribe")
    frames = cut_frames(pixels, grid, config)
    view = np.asarray(
        view_image(RECEIPT, "embedded", resolution=resolution, task="transcribe")
    ).transpose(2, 0, 1)
    size, rows = grid.tile_size, max(grid.rows, 1)
    title = view.shape[1] - rows * (size + GAP + LABEL)
    for index, frame in enumerate(frames):
        left, upper = tile_corner(index, grid)
        top = title + upper
        assert np.array_equal(view[:, top : top + size, left : left + size], frame)


def test_the_command_writes_the_picture_and_says_what_it_costs(smolvlm, tmp_path):
    out = tmp_path / "view.png"
    done = smolvlm("view", RECEIPT, "--out", out, "--task", "transcribe", *EMBEDDED)
    plan = json.loads(smolvlm("plan", RECEIPT, "--task", "transcribe", "--json", *EMBEDDED).out)
    assert done.code == 0 and done.err == ""
    tiles, tokens = plan["tiles"], plan["image_tokens"]
    assert only_line(done.out) == f"{out}: {tiles} tiles, {tokens} image tokens"
    with Image.open(out) as picture:
        assert picture.format == "PNG" and picture.mode == "RGB"
    told = json.loads(smolvlm("view", SHAPES, "-o", tmp_path / "b.webp", "--json", *EMBEDDED).out)
    assert told["view"] == str(tmp_path / "b.webp") and told["images"][0]["tiles"] == told["tiles"]


def test_one_page_of_a_document_is_chosen(smolvlm, tmp_path):
    scan, out = tmp_path / "scan.tif", tmp_path / "view.png"
    scan.write_bytes(tiff("red", "green"))
    several = smolvlm("view", scan, "-o", out, *EMBEDDED)
    assert several.code == 2 and "--pages" in several.err and not out.exists()
    assert smolvlm("view", scan, "-o", out, "--pages", "2", *EMBEDDED).code == 0
    with Image.open(out) as picture:
        middle = picture.getpixel((picture.width // 2, picture.height - 40))
    assert middle == (0, 128, 0)
    with pytest.raises(PagesNeeded):
        view_image(scan, "embedded")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((SHAPES, "-o", "view.txt"), 2, "not a picture's name"),
        ((SHAPES, "-o", "none/view.png"), 2, "cannot be written"),
        (("missing.png",), 3, "missing.png"),
        ((SHAPES, "--resolution", "99"), 2, "out of range"),
        ((SHAPES, "--task", "sing"), 2, "sing"),
        ((SHAPES, "--model", "257m"), 4, "257m"),
    ],
)
def test_mistakes_are_named(smolvlm, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    done = smolvlm("view", *EMBEDDED, *arguments)
    assert (done.code, done.out) == (code, "") and said in only_line(done.err)
    assert not list(tmp_path.iterdir())


def test_what_is_no_image_is_an_input_error(tmp_path):
    with pytest.raises(InputError):
        view_image(tmp_path / "none.png", "embedded")

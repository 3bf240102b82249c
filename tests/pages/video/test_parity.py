"""Frames, prompts and pixels of videos beside those of transformers' SmolVLM processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smolvlm_tools import ImagePolicy, open_checkpoint
from smolvlm_tools.pages.video.captions import in_words
from smolvlm_tools.prompt.layout import RequestLayouter
from smolvlm_tools.prompt.request import make_request
from smolvlm_tools.prompt.tasks import ask_messages
from smolvlm_tools.vision.tiles import make_tiles
from tests.support.checkpoints import real_folder
from tests.support.clips import KINDS, render
from tests.support.transformers_video import cut_frames, see_video

CHECKPOINTS = ["SmolVLM2-256M-Video-Instruct", "SmolVLM2-500M-Video-Instruct"]
QUESTION = "What happens in this video?"


@pytest.fixture(scope="module")
def folders(reference, tmp_path_factory) -> dict[str, Path]:
    """SmolVLM2's real configuration and tokenizer, and no weights, as planning needs none."""
    made = {}
    for name in (*CHECKPOINTS, "SmolVLM2-2.2B-Instruct"):
        made[name] = real_folder(reference / name, tmp_path_factory.mktemp(name))
    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The path of a clip by its kind; each is rendered once."""
    folder, made = tmp_path_factory.mktemp("clips"), {}

    def path(name: str) -> Path:
        if name not in made:
            made[name] = folder / f"{name.replace(' ', '-')}.{KINDS[name].container}"
            made[name].write_bytes(render(KINDS[name]))
        return made[name]

    return path


def lay_out(folder: Path, path: Path, resolution="auto", **options):
    layouter = RequestLayouter.open(open_checkpoint(folder), ImagePolicy())
    image = layouter.checkpoint.config.image
    request = make_request(
        ask_messages(path, QUESTION), options, "ask", resolution, image, lambda answer: None
    )
    return layouter, layouter.lay_out(request)


@pytest.mark.parametrize("name", KINDS)
def test_a_clip_has_the_prompt_of_transformers_token_for_token(name, folders, clip):
    pytest.importorskip("num2words", reason="transformers' processor needs num2words")
    for folder in folders.values():
        _, layout = lay_out(folder, clip(name))
        expected = see_video(folder, clip(name), QUESTION)
        np.testing.assert_array_equal(layout.prompt.token_ids, expected.token_ids)


@pytest.mark.parametrize("most", [1, 4, 8, 16])
def test_so_does_a_clip_of_which_fewer_frames_are_wanted(most, folders, clip):
    pytest.importorskip("num2words", reason="transformers' processor needs num2words")
    folder = folders[CHECKPOINTS[0]]
    for name in ("ten at 30", "over a minute", "under a second"):
        _, layout = lay_out(folder, clip(name), frames=most)
        expected = see_video(folder, clip(name), QUESTION, num_frames=most)
        np.testing.assert_array_equal(layout.prompt.token_ids, expected.token_ids)


@pytest.mark.parametrize("rate", [0.5, 2.0, 3.5])
def test_and_one_that_is_looked_at_more_or_less_often(rate, folders, clip):
    pytest.importorskip("num2words", reason="transformers' processor needs num2words")
    folder = folders[CHECKPOINTS[0]]
    for name in ("ten at 30", "avi"):
        _, layout = lay_out(folder, clip(name), frames=f"{rate}fps")
        expected = see_video(folder, clip(name), QUESTION, fps=rate)
        np.testing.assert_array_equal(layout.prompt.token_ids, expected.token_ids)


@pytest.mark.parametrize("name", ["third of a second", "tall", "wide", "large"])
def test_native_frames_have_the_pixels_of_transformers(name, folders, clip):
    pytest.importorskip("num2words", reason="transformers' processor needs num2words")
    folder = folders[CHECKPOINTS[0]]
    layouter, layout = lay_out(folder, clip(name), "native")
    expected = cut_frames(folder, see_video(folder, clip(name), QUESTION))
    for image, grid, tile in zip(layout.images, layout.grids, expected, strict=True):
        ours = make_tiles(image.pixels, grid, layouter.checkpoint.config.image)
        # One frame is resized once more than by transformers where it is larger than a tile.
        assert np.abs(ours[0] - tile).mean() < 0.004
        assert np.abs(ours[0] - tile).max() < 0.2


@pytest.mark.parametrize("name", ["third of a second", "tall", "wide", "large"])
def test_frames_that_are_resized_once_are_nearly_the_same(name, folders, clip):
    pytest.importorskip("num2words", reason="transformers' processor needs num2words")
    folder = folders[CHECKPOINTS[0]]
    layouter, layout = lay_out(folder, clip(name))
    expected = cut_frames(folder, see_video(folder, clip(name), QUESTION))
    for image, grid, tile in zip(layout.images, layout.grids, expected, strict=True):
        ours = make_tiles(image.pixels, grid, layouter.checkpoint.config.image)
        assert np.abs(ours[0] - tile).mean() < 0.02  # of 2: from black to white


def test_numbers_are_written_as_num2words_writes_them():
    num2words = pytest.importorskip("num2words").num2words
    assert [in_words(n) for n in range(1000)] == [num2words(n) for n in range(1000)]

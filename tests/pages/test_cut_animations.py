"""Animations that end too early: an error, never a shorter film; with what is whole still read."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools.errors import CorruptImage
from smolvlm_tools.images import EncodedImage, ImagePolicy, load_image
from smolvlm_tools.pages.picture import picture_pages
from smolvlm_tools.pages.video import FrameChoice, open_film, pick_frames

HERE, CHILD = ImagePolicy(), ImagePolicy(isolate=True)
both = pytest.mark.parametrize("policy", [HERE, CHILD], ids=["here", "in a child"])

COUNT, SECONDS = 4, 0.3
NOISE = np.random.default_rng(0).integers(0, 256, (COUNT, 64, 64, 3), np.uint8)
STARTS = {"GIF": rb"!\xf9\x04", "PNG": rb"....fcTL", "WEBP": rb"ANMF"}


def animation(kind: str) -> bytes:
    first, *others = map(Image.fromarray, NOISE)
    file = BytesIO()
    first.save(
        file, kind, save_all=True, append_images=others, duration=round(SECONDS * 1000), loop=0
    )
    return file.getvalue()


def cut_after(data: bytes, kind: str, frames: int) -> bytes:
    """The file up to where a frame begins."""
    starts = [found.start() for found in re.finditer(STARTS[kind], data, re.DOTALL)]
    assert len(starts) == COUNT
    return data[: starts[frames]]


def frames_of(data: bytes, policy: ImagePolicy, **choice: float) -> int:
    film = open_film(data, policy, wanted=True)
    assert film is not None
    chosen = pick_frames(film, FrameChoice(per_second=1 / SECONDS, **choice), lambda size: size)
    return len([frame.load() for frame in chosen])


@both
@pytest.mark.parametrize("frames", [2, 3])
def test_a_gif_that_was_cut_between_two_frames_is_corrupt(policy, frames):
    data = cut_after(animation("GIF"), "GIF", frames)
    seconds = f"{frames * SECONDS:.2f}"
    with pytest.raises(CorruptImage, match=f"was cut: it ends after {seconds} seconds") as caught:
        frames_of(data, policy)
    assert seconds in caught.value.remedy
    assert frames_of(data, policy, end=2 * SECONDS) == 2
    with pytest.raises(CorruptImage, match=f"was cut after page {frames}"):
        picture_pages(EncodedImage(data, "it"), policy)


@both
@pytest.mark.parametrize("end", [b"", b"\0\0\0"])
def test_so_is_one_whose_end_alone_is_missing_as_nobody_can_tell(policy, end):
    whole = animation("GIF")
    assert whole.endswith(b";")
    with pytest.raises(CorruptImage, match="was cut"):
        frames_of(whole[:-1] + end, policy)


@pytest.mark.parametrize("end", [b";", b"; and more", b"\0;"])
def test_a_gif_is_whole_whatever_follows_its_end(end):
    whole = animation("GIF")
    assert frames_of(whole[:-1] + end, HERE) == COUNT
    assert len(picture_pages(EncodedImage(whole[:-1] + end, "it"), HERE)) == COUNT


def test_the_first_frame_of_a_cut_gif_is_an_image_of_which_nothing_is_missing():
    data = animation("GIF")
    whole = load_image(data).pixels.tobytes()
    for frames in (1, 2):
        assert load_image(cut_after(data, "GIF", frames)).pixels.tobytes() == whole


@both
def test_an_apng_says_how_many_frames_it_has_so_its_end_may_be_missing(policy):
    whole = animation("PNG")
    with pytest.raises(CorruptImage, match="page 3"):
        frames_of(cut_after(whole, "PNG", 2), policy)
    assert frames_of(whole[:-12], policy) == COUNT  # IEND


@both
def test_a_webp_animation_that_was_cut_between_two_frames_is_corrupt(policy):
    with pytest.raises(CorruptImage):
        frames_of(cut_after(animation("WEBP"), "WEBP", 2), policy)

"""Which frames of a video are chosen, and what comes of asking about it."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import Clip, ImagePart, ImagePolicy, Message, SmolVLM, TextPart
from smolvlm_tools.errors import BackendUnavailable, BadOptions, PagesNeeded
from smolvlm_tools.pages.video import FrameChoice, open_film, parse_frames, pick_frames
from smolvlm_tools.pages.video.clip import ClipFilm
from smolvlm_tools.pages.video.still import StillScenes, shows_the_same
from tests.support.clips import coloured, encode, picture

HERE, CHILD = ImagePolicy(), ImagePolicy(isolate=True)
COLOURS = ("red", "lime", "blue", "white")
CONTAINERS = {
    "mp4": "libx264",
    "matroska": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
    "mpegts": "mpeg2video",
    "flv": "flv",
    "mpeg": "mpeg1video",
    "asf": "wmv2",
}


@pytest.fixture(scope="module")
def vlm():
    with SmolVLM.load("embedded") as engine:
        yield engine


@pytest.fixture(scope="module")
def clip() -> bytes:
    """Ten seconds at 10 frames a second, no two frames alike; a key frame every 12."""
    return encode([picture(number, (128, 96)) for number in range(100)], fps="10", gop=12)


def picked(data, choice=None, policy=HERE):
    film = open_film(data, policy, wanted=choice is not None)
    assert film is not None
    return pick_frames(film, choice or FrameChoice(), lambda size: size)


def animation(kind: str) -> bytes:
    frames, file = [Image.new("RGB", (40, 30), colour) for colour in COLOURS], BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=500, lossless=True)
    return file.getvalue()


def colours_of(frames) -> list[tuple[int, ...]]:
    return [frame.load().pixels.getpixel((5, 5)) for frame in frames]


@pytest.mark.parametrize("policy", [HERE, CHILD], ids=["here", "in a child"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_read_to_the_same_frames(container, policy):
    data = coloured(*COLOURS, fps="25", container=container, codec=CONTAINERS[container])
    frames = picked(data, policy=policy)
    assert len(frames) == 4
    for found, name in zip(colours_of(frames[:-1]), COLOURS, strict=False):
        wanted = Image.new("RGB", (1, 1), name).getpixel((0, 0))
        assert np.abs(np.subtract(found, wanted)).max() < 40


def test_a_frame_that_is_sought_is_the_one_that_is_reached_by_decoding_all(clip):
    film = open_film(clip, HERE, wanted=False)
    assert film is not None
    forward = [np.asarray(film.read(number, (128, 96))) for number in range(100)]
    for number in (99, 3, 50, 11, 12, 13, 0, 98):
        np.testing.assert_array_equal(np.asarray(film.read(number, (128, 96))), forward[number])


def test_frames_of_a_part_have_the_times_of_the_whole_video(clip):
    frames = picked(clip, parse_frames("2fps", "0:02", 4))
    assert [frame.seconds for frame in frames] == pytest.approx([2.0, 2.6, 3.2, 3.9])
    assert frames[0].before.startswith(
        "You are provided the following series of four frames from a 0:00:10 [H:MM:SS] video."
    )
    assert frames[1].before == "\nFrame from 00:02:"
    assert [frame.after for frame in frames] == ["", "", "", "\n\n"]


def test_scenes_are_found_where_the_picture_changes():
    data = coloured("red", "blue", "green", each=30, fps="10")
    assert [frame.seconds for frame in picked(data, parse_frames("scenes"))] == pytest.approx(
        [0.0, 3.0, 6.0], abs=0.5
    )


def test_a_still_scene_has_one_frame_by_scenes():
    assert len(picked(coloured("red", each=90), parse_frames("scenes"))) == 1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("policy", [HERE, CHILD], ids=["here", "in a child"])
def test_animations_are_videos_where_frames_are_chosen(kind, policy):
    frames = picked(animation(kind), parse_frames("2fps"), policy)
    assert [frame.seconds for frame in frames] == [0.0, 0.5, 1.0, 1.5]
    wanted = [Image.new("RGB", (1, 1), name).getpixel((0, 0)) for name in COLOURS]
    assert colours_of(frames) == wanted


def test_an_animation_is_a_document_where_they_are_not(vlm):
    with pytest.raises(PagesNeeded):
        vlm.describe(animation("GIF"))


def test_frames_are_no_larger_than_they_are_needed():
    data = encode([picture(number, (640, 360)) for number in range(3)])
    film = open_film(data, CHILD, wanted=False)
    assert film is not None
    [frame] = pick_frames(film, FrameChoice(most=1), lambda size: (128, 128))
    loaded = frame.load()
    assert loaded.pixels.size == (128, 128)
    assert loaded.size == (640, 360)


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 0},
        {"frames": 1000},
        {"frames": True},
        {"frames": "0fps"},
        {"frames": "many"},
        {"frames": 2.5},
        {"start": -1},
        {"start": "1:2:3:4"},
        {"end": float("nan")},
        {"end": 1e400},
        {"start": 5, "end": 5},
        {"start": "0:30", "end": "0:10"},
    ],
)
def test_what_chooses_no_frames_is_refused(wrong, vlm, clip):
    with pytest.raises(BadOptions) as caught:
        vlm.describe(clip, **wrong)
    assert caught.value.remedy


def test_a_part_after_the_end_says_how_long_the_video_is(vlm, clip):
    with pytest.raises(BadOptions, match=r"10\.00 seconds long"):
        vlm.describe(clip, start=20)


def test_a_still_image_has_no_frames_to_choose(vlm):
    with pytest.raises(BadOptions, match="choose frames of a video"):
        vlm.describe(Image.new("RGB", (9, 9), "red"), frames=4)


def test_without_pyav_a_video_says_what_to_install(vlm, clip, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(BackendUnavailable, match="PyAV"):
        vlm.describe(clip)


def test_results_say_when_each_frame_is_shown(vlm, clip, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip)
    result = vlm.describe(tmp_path / "clip.mp4", frames=4, max_new_tokens=4)
    assert [str(ref).rpartition("clip.mp4 at ")[2] for ref in result.sources] == [
        *("0:01", "0:03", "0:06", "0:09")  # the first and last second are skipped
    ]
    assert result.usage.tiles == 4


@pytest.mark.parametrize("policy", ["trusted", "public"])
def test_every_task_takes_a_video(vlm, clip, policy):
    options = {"frames": 2, "policy": policy, "max_new_tokens": 8}
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}}
    for result in (
        vlm.describe(clip, **options),
        vlm.ask(clip, "Is it red?", answer=bool, **options),
        vlm.ask(clip, "Which colour?", answer=Literal["red", "blue"], **options),
        vlm.transcribe(clip, **options),
        vlm.extract(clip, schema, **options),
    ):
        assert len(result.sources) == 2
        assert result.usage.tiles == 2


async def test_so_do_those_for_event_loops(vlm, clip):
    result = await vlm.atranscribe(clip, frames=3, max_new_tokens=4)
    assert len(result.sources) == 3


def test_a_list_of_frames_is_a_video(vlm):
    frames = [picture(number, (64, 64)) for number in range(6)]
    result = vlm.describe(Clip(frames, fps=2), max_new_tokens=4)
    assert [ref.seconds for ref in result.sources] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    fewer = vlm.describe(Clip(frames, fps=2), start=1, frames=2, max_new_tokens=4)
    assert [ref.seconds for ref in fewer.sources] == [1.0, 2.5]


def test_a_conversation_has_videos_and_images_side_by_side(vlm, clip):
    message = Message(
        role="user",
        content=(
            ImagePart(image=clip, frames=2, end="0:05"),
            ImagePart(image=picture(3, (64, 64))),
            TextPart(text="Is this picture from the video?"),
        ),
    )
    result = vlm.generate([message], max_new_tokens=4)
    assert [ref.seconds is None for ref in result.sources] == [False, False, True]


def test_equal_frames_are_encoded_once(vlm):
    still = encode([picture(0, (128, 128))] * 40, fps="10", codec="ffv1", container="matroska")
    result = vlm.describe(still, frames="4fps", max_new_tokens=2)
    assert result.usage.tiles == 16
    assert result.usage.cached_tiles >= 15


@pytest.mark.parametrize("gop", [None, 12])
def test_so_are_frames_that_only_the_codec_makes_different(vlm, gop):
    still = encode([picture(0, (320, 240))] * 170, fps="10", gop=gop)
    result = vlm.describe(still, frames=16, max_new_tokens=2)
    assert (result.usage.tiles, result.usage.cached_tiles) == (16, 15)
    exact = vlm.describe(still, frames=16, max_new_tokens=2, resolution="native")
    assert len(set(exact.image_sha256)) > 1


def test_a_spot_that_moves_is_seen():
    frames = [Image.new("RGB", (128, 128), "grey") for _ in range(4)]
    for number, frame in enumerate(frames):
        frame.paste("white", (20 + number * 20, 60, 23 + number * 20, 63))
    assert not any(shows_the_same(a, b) for a, b in pairwise(frames))


def test_slow_change_is_seen():
    film = ClipFilm(Clip([Image.new("RGB", (64, 64), (n, n, n)) for n in range(18)]), HERE)
    scenes = StillScenes(film)
    shown = [scenes.read(number, (64, 64)).getpixel((0, 0))[0] for number in range(18)]
    assert shown == [0] * 7 + [7] * 7 + [14] * 4


def test_a_plan_counts_the_frames(vlm, clip):
    plan = vlm.plan(Clip([picture(number, (64, 64)) for number in range(8)]))
    assert plan.tiles == len(plan.images) == 8

"""Broken and hostile videos: each ends in an error of ours, in this process and in a child."""

from __future__ import annotations

import random
import struct
from io import BytesIO

import pytest
from PIL import Image

from smolvlm_tools import ImagePolicy
from smolvlm_tools.errors import (
    BadDimensions,
    CorruptImage,
    DocumentTooCostly,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
)
from smolvlm_tools.pages.video import FrameChoice, open_film, pick_frames
from tests.support.clips import av, coloured, encode, picture, sound_alone

HERE, CHILD = ImagePolicy(), ImagePolicy(isolate=True)
both = pytest.mark.parametrize("policy", [HERE, CHILD], ids=["here", "in a child"])


def read(data: bytes, policy: ImagePolicy, choice: FrameChoice | None = None):
    film = open_film(data, policy, wanted=False)
    assert film is not None
    frames = pick_frames(film, choice or FrameChoice(), lambda size: (64, 64))
    return [frame.load() for frame in frames]


def moving(frames=60, **options) -> bytes:
    return encode([picture(number, (96, 64)) for number in range(frames)], **options)


def index_first(path, pictures) -> bytes:
    """A video with its index before its frames, as one that is sent over the web has it."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        for image in pictures:
            output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode())
    return path.read_bytes()


def patched(data: bytes, atom: bytes, offset: int, value: int) -> bytes:
    """The file with 32 bits of an atom set, `offset` bytes after its name."""
    at = data.index(atom) + 4 + offset
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


@both
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_a_file_that_was_cut_before_its_index_is_corrupt(policy, share):
    data = moving()
    with pytest.raises(CorruptImage):
        read(data[: int(len(data) * share)], policy)


@both
def test_a_file_that_ends_early_says_when_and_how_to_read_the_rest(policy, tmp_path):
    data = index_first(tmp_path / "first.mp4", [picture(n, (96, 64)) for n in range(300)])
    cut = data[: len(data) // 2]
    with pytest.raises(
        CorruptImage, match=r"was cut: it ends after 5\.60 of 12\.00 seconds"
    ) as caught:
        read(cut, policy)
    assert caught.value.remedy
    assert len(read(cut, policy, FrameChoice(end=3.0))) == 3


@both
def test_a_file_without_frames_is_corrupt(policy):
    file = BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    with pytest.raises(CorruptImage):
        read(file.getvalue(), policy)


@both
def test_sound_alone_is_not_a_video(policy):
    with pytest.raises(UnsupportedFormat, match="has no picture"):
        read(sound_alone(), policy)


@both
def test_a_frame_with_more_pixels_than_the_policy_allows_is_not_decoded(policy):
    small = policy.model_copy(update={"max_pixels": 1000})
    with pytest.raises(ImageTooLarge, match="64x48"):
        read(coloured("red"), small)


@both
def test_nor_is_one_that_grows_in_the_middle(policy):
    data = coloured("red", container="mpegts", codec="mpeg2video") + coloured(
        "blue", size=(1280, 720), container="mpegts", codec="mpeg2video"
    )
    with pytest.raises((ImageTooLarge, CorruptImage)):
        read(data, policy.model_copy(update={"max_pixels": 5000}), FrameChoice(per_second=10.0))


@both
@pytest.mark.parametrize("timescale", [0, 1, 0xFFFFFFFF])
def test_absurd_rates_and_lengths_are_refused(policy, timescale):
    data = patched(moving(900, codec="mpeg4"), b"mdhd", 12, timescale)
    with pytest.raises(CorruptImage, match=r"frames a second|seconds"):
        read(data, policy, FrameChoice(most=2))


@both
@pytest.mark.parametrize("atom", [b"stsz", b"stts", b"stsc", b"stco"])
def test_a_file_that_claims_billions_of_frames_is_refused(policy, atom):
    offset = 8 if atom == b"stsz" else 4
    for claimed in (0x7FFFFFFF, 0xFFFFFFFF):
        try:
            read(patched(moving(codec="mpeg4"), atom, offset, claimed), CHILD)
        except (CorruptImage, ImageTooLarge, BadDimensions, DocumentTooCostly):
            pass


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts"])
def test_damage_anywhere_ends_in_frames_or_an_error_of_ours(container):
    data, chance = moving(30, container=container, codec="mpeg4"), random.Random(7)
    for _ in range(12):
        broken = bytearray(data)
        for _ in range(chance.choice([1, 8, 64])):
            broken[chance.randrange(4, len(broken))] = chance.randrange(256)
        try:
            read(bytes(broken), CHILD)
        except InputError as error:
            assert error.reason
            assert error.remedy


@both
def test_playlists_and_subtitles_are_no_videos(policy):
    for data in (b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"):
        with pytest.raises(UnsupportedFormat):
            open_film(data, policy, wanted=True)


@both
def test_an_animation_with_a_broken_frame_is_corrupt(policy):
    file = BytesIO()
    frames = [Image.effect_noise((64, 64), 80) for _ in range(4)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=300)
    data = bytearray(file.getvalue())
    with pytest.raises(InputError):
        within_the_third = bytes(data[: len(data) * 5 // 8])
        film = open_film(within_the_third, policy, wanted=True)
        assert film is not None
        [frame.load() for frame in pick_frames(film, FrameChoice(per_second=9.0), lambda s: s)]


@both
def test_what_is_not_a_video_is_told_which_formats_are(policy):
    with pytest.raises(UnsupportedFormat, match="Matroska"):
        open_film(b"not a film", policy, wanted=True)

"""Videos and animations that tests render."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

av = pytest.importorskip("av", reason="needs PyAV: pip install 'smolvlm-tools[video]'")


class ClipKind(NamedTuple):
    container: str
    codec: str
    frames: int
    fps: str
    size: tuple[int, int]


KINDS = {
    "one frame": ClipKind("mp4", "libx264", 1, "25", (64, 48)),
    "third of a second": ClipKind("mp4", "libx264", 8, "24", (320, 240)),
    "under a second": ClipKind("mp4", "mpeg4", 24, "30", (96, 64)),
    "one second": ClipKind("mp4", "libx264", 30, "30", (160, 90)),
    "ten at 30": ClipKind("mp4", "libx264", 300, "30", (128, 96)),
    "film's rate": ClipKind("mp4", "libx264", 250, "24000/1001", (96, 128)),
    "television's rate": ClipKind("mp4", "mpeg4", 200, "30000/1001", (128, 72)),
    "avi": ClipKind("avi", "mpeg4", 130, "25", (160, 120)),
    "tall": ClipKind("mp4", "libx264", 60, "15", (90, 160)),
    "wide": ClipKind("mp4", "libx264", 48, "12", (640, 64)),
    "large": ClipKind("mp4", "libx264", 20, "10", (1280, 720)),
    "over a minute": ClipKind("mp4", "mpeg4", 760, "10", (48, 48)),
}
"""Of different containers, lengths, rates and sizes."""


def picture(number: int, size: tuple[int, int]) -> Image.Image:
    """A frame that no other one is like: smooth colours, and a bar that moves."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[..., 2] = number * 37 % 256
    at = number * 5 % height
    pixels[at : at + height // 8 + 1] = 255 - pixels[at : at + height // 8 + 1]
    return Image.fromarray(pixels)


def encode(
    pictures: list[Image.Image], *, container="mp4", codec="libx264", fps="25", gop=None
) -> bytes:
    """A video file of these frames."""
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1
        if gop is not None:
            stream.gop_size = gop
        for image in pictures:
            output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode())
    return file.getvalue()


def render(kind: ClipKind) -> bytes:
    """The video file of a kind."""
    frames = [picture(number, kind.size) for number in range(kind.frames)]
    return encode(frames, container=kind.container, codec=kind.codec, fps=kind.fps)


def coloured(*colours: str, each: int = 25, size=(64, 48), **options) -> bytes:
    """A video that shows one colour after the other, each for so many frames."""
    return encode([Image.new("RGB", size, c) for c in colours for _ in range(each)], **options)


def sound_alone() -> bytes:
    """An MP4 file of a second of silence."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        output.mux(stream.encode(silence))
        output.mux(stream.encode())
    return file.getvalue()

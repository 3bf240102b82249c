"""A video file, decoded by PyAV (FFmpeg) one frame after the other."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import BackendUnavailable, CorruptImage, ImageTooLarge, UnsupportedFormat
from ...images import EncodedImage, ImagePolicy
from ...images.colour import check_size
from .choice import LONGEST_SECONDS
from .containers import container_of, format_of
from .film import FilmFacts, Size, shrink

MOST_FRAMES = 1_000_000
"""Of a file: four hours at 60 a second. Each takes 8 bytes here."""

MOST_FPS = 1_000

_DAMAGED = "Save the video again, or send another one."
_SHORTER = "Cut the video into shorter ones."


def load_av() -> Any:
    """PyAV.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise BackendUnavailable(
            "reading videos needs PyAV, which is not installed",
            "Run: pip install 'smolvlm-tools[video]'. Its wheel holds codecs under the GPL.",
        ) from error
    return av


class DecodedFilm:
    """A `Film` that this process reads.

    The packets are listed once, which decodes nothing: so a file without an honest header has the
    right length, too, and a frame is found by its own time. Frames are decoded one after the other
    from the last key frame before the one that is wanted.

    Raises:
        CorruptImage, ImageTooLarge, BadDimensions: the file is damaged, or too large.
        UnsupportedFormat: there is no picture in it, or no decoder for it.
        BackendUnavailable: PyAV is not installed.
    """

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy) -> None:
        self._av = load_av()
        self.name, self.source = encoded.name, encoded.ref.source
        self._policy = policy
        container = str(container_of(encoded.data))
        self.format = format_of(container)
        self._lock = threading.Lock()
        self._reading: Iterator[Any] | None = None
        self._at = -1
        with self._naming("its header"):
            self._file = self._av.open(
                BytesIO(encoded.data), format=container, metadata_errors="ignore"
            )
            self._stream = self._picture_stream()
            declared = self._stream.width, self._stream.height
            check_size(declared, policy, self.name)
            self._shown, self._keys, listed = self._list_packets()
            fps = self._fps()
            self._time_base = float(self._stream.time_base)
        self._check_length(fps)
        # A turned frame says so only once it is decoded.
        self.facts = FilmFacts(len(self._shown), fps, declared)
        missing = self._stream.frames - listed
        missing = missing if missing > fps else 0  # honest headers are off by a few
        self.facts = FilmFacts(len(self._shown), fps, self._decode(0).size, missing)

    def _picture_stream(self) -> Any:
        if not self._file.streams.video:
            raise UnsupportedFormat(f"{self.name} has no picture", "Use a video, not sound alone.")
        stream = self._file.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise UnsupportedFormat(
                f"{self.name} is coded in a way that FFmpeg cannot read", "Save it as H.264."
            )
        context.thread_count = 1  # each thread would hold frames of its own
        context.options = {"max_pixels": str(self._policy.max_pixels)}
        return stream

    def _list_packets(self) -> tuple[NDArray[np.int64], list[int], int]:
        """When frames are shown, in the stream's unit of time; when key frames are; all packets.

        Some packets are not to be shown.
        """
        shown, keys, listed = list[int](), list[int](), 0
        for packet in self._file.demux(self._stream):
            at = packet.dts if packet.pts is None else packet.pts
            if at is None:
                continue
            listed += 1
            if not packet.size or packet.is_discard:
                continue
            shown.append(at)
            if packet.is_keyframe:
                keys.append(at)
            if len(shown) > MOST_FRAMES:
                raise ImageTooLarge(f"{self.name} has over {MOST_FRAMES:,} frames", _SHORTER)
        if not shown:
            raise CorruptImage(f"{self.name} has no frames", _DAMAGED)
        # `np.unique` would import a module, which a child may not do any more.
        ordered = np.sort(np.asarray(shown, dtype=np.int64))
        return ordered[np.diff(ordered, prepend=ordered[0] - 1) > 0], sorted(keys), listed

    def _fps(self) -> float:
        """By the header where it says so, else by the frames themselves."""
        if rate := self._stream.average_rate:
            return float(rate)
        span = float(int(self._shown[-1]) - int(self._shown[0])) * float(self._stream.time_base)
        return (len(self._shown) - 1) / span if span > 0 else 1.0

    def _check_length(self, fps: float) -> None:
        if not 0 < fps <= MOST_FPS:
            raise CorruptImage(f"{self.name} claims to have {fps:,g} frames a second", _DAMAGED)
        span = (float(self._shown[-1]) - float(self._shown[0])) * self._time_base
        seconds = max(len(self._shown) / fps, span)
        if seconds > LONGEST_SECONDS:
            raise CorruptImage(f"{self.name} claims to be {seconds:,.0f} seconds long", _DAMAGED)

    def times(self, numbers: Sequence[int]) -> list[float]:
        """See `Film`."""
        first = self._shown[0]
        return [float(self._shown[number] - first) * self._time_base for number in numbers]

    def between(self, start: float, end: float) -> tuple[int, int]:
        """See `Film`."""
        seconds = (self._shown - self._shown[0]) * self._time_base
        # A time that was written with fewer digits still means the frame that begins then.
        first, last = np.searchsorted(seconds, [start - 1e-4, end - 1e-4])
        return int(first), int(last)

    def read(self, number: int, size: Size) -> Image.Image:
        """See `Film`."""
        return shrink(self._decode(number), size)

    def _decode(self, number: int) -> Image.Image:
        with self._lock, self._naming(f"the frame at {self.times([number])[0]:.2f} seconds"):
            return self._upright(self._find(int(self._shown[number])))

    def _find(self, wanted: int) -> Any:
        key = self._keys[max(0, bisect_right(self._keys, wanted) - 1)] if self._keys else None
        if self._reading is None or wanted <= self._at or (key is not None and key > self._at):
            self._go_to(wanted)
            frame = self._forward_to(wanted)
            if frame is not None and frame.pts == wanted:
                return frame
            self._go_to(int(self._shown[0]))  # the file's index does not lead there
        frame = self._forward_to(wanted)
        if frame is None:
            at, last = (self.times([n])[0] for n in (self._reached(), len(self._shown) - 1))
            raise CorruptImage(
                f"{self.name} ends at {at:.2f} of {last:.2f} seconds", "Choose an earlier `end`."
            )
        return frame

    def _go_to(self, at: int) -> None:
        self._file.seek(at, stream=self._stream, backward=True)
        self._reading, self._at = self._file.decode(self._stream), int(self._shown[0]) - 1

    def _forward_to(self, wanted: int) -> Any:
        """The first frame from `wanted` on; None if there is none."""
        assert self._reading is not None
        for frame in self._reading:
            if frame.pts is not None:
                self._at = frame.pts
                if frame.pts >= wanted:
                    return frame
        self._reading = None
        return None

    def _reached(self) -> int:
        return max(0, int(np.searchsorted(self._shown, self._at)))

    def _upright(self, frame: Any) -> Image.Image:
        check_size((frame.width, frame.height), self._policy, self.name)
        pixels = Image.fromarray(frame.to_ndarray(format="rgb24"))
        quarters = round((frame.rotation or 0) / 90) % 4  # against the clock
        if not quarters:
            return pixels
        turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
        return pixels.transpose(turns[quarters - 1])

    @contextmanager
    def _naming(self, what: str) -> Generator[None]:
        """Have errors of FFmpeg become ours."""
        try:
            yield
        except (self._av.FFmpegError, ArithmeticError, ValueError) as error:
            self._reading = None
            reason = getattr(error, "strerror", None) or str(error)
            raise CorruptImage(
                f"{self.name} is a damaged {self.format} file: {what} cannot be read ({reason})",
                _DAMAGED,
            ) from error

    def close(self) -> None:
        """See `Film`."""
        with self._lock:
            self._reading = None
            self._file.close()

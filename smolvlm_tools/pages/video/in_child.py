"""Films in the child: opened with what `isolated` sends, read frame by frame."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...images import EncodedImage, ImagePolicy
from ...sandbox.messages import Message
from .film import Film
from .opening import open_here

LIBRARIES = (
    *("av", "av.audio.codeccontext", "av.audio.stream", "av.opaque", "av.sidedata.sidedata"),
    *("av.subtitles.codeccontext", "av.subtitles.stream", "av.video.codeccontext"),
    *("av.video.reformatter", "av.video.stream"),
)
"""What is imported only for videos; see `sandbox.services`."""


class _Film:
    """An open film."""

    def __init__(self, film: Film) -> None:
        self._film, facts = film, film.facts
        self.facts = asdict(facts)

    def answer(self, header: dict[str, Any], memory: memoryview | None) -> Message:
        if header["call"] == "times":
            return {"times": self._film.times(header["numbers"])}, []
        if header["call"] == "between":
            return {"between": self._film.between(header["start"], header["end"])}, []
        width, height = header["size"]
        pixels = self._film.read(header["number"], (width, height))
        return {"size": pixels.size}, [pixels.tobytes()]

    def close(self) -> None:
        self._film.close()


def open_in_child(header: dict[str, Any], data: bytes) -> _Film:
    """Open a film; see `sandbox.services`."""
    encoded = EncodedImage(data, header["name"], header["mime"])
    return _Film(open_here(encoded, ImagePolicy(**header["policy"])))

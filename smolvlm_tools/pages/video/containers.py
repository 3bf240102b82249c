"""The files of videos: how they begin, and how their names end.

FFmpeg is told the container instead of guessing it: some that it knows are playlists, which name
other files and addresses.
"""

from __future__ import annotations

from ...images.heif import BRANDS

SUFFIXES = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".ts", ".webm", ".wmv"),
)
"""In lower case, for folders that are searched; what a file is, its first bytes tell."""

_MAGIC: dict[str, tuple[bytes, ...]] = {
    "matroska": (b"\x1aE\xdf\xa3",),
    "flv": (b"FLV\x01",),
    "asf": (b"0&\xb2u\x8ef\xcf\x11",),
    "mpeg": (b"\0\0\x01\xba",),
}
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")
"""The first of a QuickTime file; old ones have no ftyp."""

_PICTURES = (*BRANDS, b"avif", b"avis")
"""Major brands of ISO files that are images."""

_PACKET = 188
"""Bytes of a packet of an MPEG transport stream, which begins with 0x47."""


def container_of(data: bytes) -> str | None:
    """FFmpeg's name of a video file's container; None if it is of no kind that is read."""
    for name, starts in _MAGIC.items():
        if data.startswith(starts):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] in _ATOMS and not (data[4:8] == b"ftyp" and data[8:12] in _PICTURES):
        return "mov"
    if len(data) > _PACKET and data[0] == data[_PACKET] == 0x47:
        return "mpegts"
    return None


def format_of(container: str) -> str:
    """What people call a container: "MP4", "MATROSKA"."""
    return {"mov": "MP4", "mpegts": "MPEG-TS"}.get(container, container.upper())


def is_video(data: bytes) -> bool:
    """Whether a file is a video, by its first bytes."""
    return container_of(data) is not None

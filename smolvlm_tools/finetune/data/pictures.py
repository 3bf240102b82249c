"""What rows say about their images, to sources that `load_image` takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import BadSamples
from ...images.encodings import url_scheme
from ...types import ImagePart, Part, TextPart
from .rows import Row

PLACEHOLDER = "<image>"
"""Where LLaMA-Factory's texts have an image."""

_KEYS = ("path", "image", "url", "base64", "image_url", "file_name")


def image_source(value: Any, folder: Path) -> str:
    """The absolute path of an image, or its data URI.

    Args:
        value: a path, a data URI, or an object with one of them under "path", "url" or "image".
        folder: where relative paths start.

    Raises:
        BadSamples: it is neither, or lies on the web.
    """
    if isinstance(value, Mapping):
        given = cast("Mapping[str, Any]", value)
        found = next((given[key] for key in _KEYS if given.get(key)), None)
        if found is None:
            raise BadSamples(
                f"an image given as an object with {_listed(given)}",
                'Give its path: {"path": "scans/1.png"}.',
            )
        return image_source(found, folder)
    if not isinstance(value, str) or not value.strip():
        raise BadSamples(f"an image given as {_short(value)}", "Give the path of its file.")
    scheme = url_scheme(value)
    if scheme == "data":
        return value
    if scheme in ("http", "https"):
        raise BadSamples(
            f"the image {_short(value)} is on the web",
            "Download it first: every pass over the samples would fetch it again.",
        )
    return os.path.abspath(folder / value)


def images_of(row: Row, folder: Path) -> list[str]:
    """The images that a row lists beside its text, under "images" or "image".

    Raises:
        BadSamples: one of them is none.
    """
    given = row.get("images", row.get("image"))
    if given is None:
        return []
    values = cast("list[Any]", given) if isinstance(given, list) else [given]
    return [image_source(value, folder) for value in values]


class Placing:
    """Images of a row, put one after the other where its texts have a place for them."""

    def __init__(self, images: Iterable[str]) -> None:
        self._images = list(images)
        self._placed = 0

    def next(self) -> tuple[Part, ...]:
        """The next image; nothing where there is none left, of which `finish` tells."""
        self._placed += 1
        return tuple(ImagePart(image=image) for image in self._images[self._placed - 1 :][:1])

    def fill(self, text: str) -> tuple[Part, ...]:
        """A text with an image for each `PLACEHOLDER` in it."""
        parts: list[Part] = []
        for at, piece in enumerate(text.split(PLACEHOLDER)):
            if at:
                parts += self.next()
            if piece.strip():
                parts.append(TextPart(text=piece.strip("\n") if at else piece.rstrip("\n")))
        return tuple(parts)

    @property
    def untouched(self) -> bool:
        """Whether there are images, and no place was found yet."""
        return bool(self._images) and not self._placed

    def all(self) -> tuple[Part, ...]:
        """All of them at once."""
        return tuple(part for _ in self._images for part in self.next())

    def finish(self) -> None:
        """Check that each image has its place.

        Raises:
            BadSamples: there are more or fewer places than images.
        """
        if self._placed != len(self._images):
            raise BadSamples(
                f"{_counted(len(self._images), 'image')} and "
                f"{_counted(self._placed, 'place')} for them in the text",
                f"Write {PLACEHOLDER}, or a part of type image, once for each of them.",
            )


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _listed(given: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, list(given)[:5])) or "no keys"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

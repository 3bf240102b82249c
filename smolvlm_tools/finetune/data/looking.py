"""Images of samples, each looked at once: whether it can be decoded, how large it is, which it is.

A damaged image is found before a run begins, not in its third hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import BadSamples, InputError
from ...images import ImagePolicy, KnownImages, read_image, see_image
from ...images.formats import FORMATS
from ...types import ImagePart, Message


@dataclass(frozen=True, slots=True)
class SeenImage:
    """What is known of an image.

    Attributes:
        digest: of its content, so that a copy under another name is known as the same image.
        size: (width, height) in pixels, upright.
        is_blank: whether it shows nothing.
    """

    digest: bytes
    size: tuple[int, int]
    is_blank: bool


class Looking:
    """Remembers images by their path, what was wrong with them included.

    Args:
        known: is told of every image, so that whoever measures it later need not decode it.
    """

    def __init__(self, policy: ImagePolicy, known: KnownImages | None = None) -> None:
        self._policy, self._images = policy, known
        self._known: dict[bytes, SeenImage | InputError] = {}

    def at(self, source: str) -> SeenImage:
        """Look at an image.

        Raises:
            InputError: as `load_image`; BadSamples for several pages or frames.
        """
        key = hashlib.sha256(source.encode(errors="surrogatepass")).digest()
        if key not in self._known:
            try:
                self._known[key] = self._look(source)
            except InputError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, InputError):
            raise found
        return found

    def _look(self, source: str) -> SeenImage:
        encoded = read_image(source, self._policy)
        image = see_image(encoded, self._policy, self._images)
        if image.frames > 1 and FORMATS[image.format or ""].has_pages:
            raise BadSamples(
                f"{encoded.name} has {image.frames} pages", "Save the page that is meant as a PNG."
            )
        return SeenImage(bytes.fromhex(image.sha256), image.size, image.is_blank)


def sources_of(messages: Iterable[Message]) -> list[str]:
    """The images of a conversation, in order."""
    return [
        str(part.image)
        for message in messages
        for part in message.content
        if isinstance(part, ImagePart)
    ]

"""Images by short handles, so that a follow-up call need not send them again.

What an agent may write where a tool wants an image, in the order in which it is tried:

    img:<hash>                  a handle: the first 16 or more hex digits of the file's sha256
    smolvlm://images/<hash>     the same, as an MCP resource URI
    path, URL, data URI, …      whatever `load_image` takes as text, or a document, under the
                                store's policy

A page of a document is kept like an image, as a picture of the page, and has a handle of its own.
A video is kept as its file; so is an animation that was looked at as one.
`read_image` and `see_image` are the two halves of `load_image`, so the same checks apply.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import BadOptions, ImageNotFound
from ..images import EncodedImage, ImagePolicy, KnownImages, PolicyLike, read_image, see_image
from ..images.encodings import abbreviate
from ..machine.amounts import check_whole
from ..pages import Pages, is_document, open_pages
from ..types import Flag, PageRef
from .page_choice import PageChoice
from .videos import see_video

IMAGE_URI = "smolvlm://images/"
"""Start of the MCP resource URI of a stored image."""

_HANDLES = ("img:", IMAGE_URI)
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_HANDLE_DIGITS = 16
_AGAIN = (
    "Call load_image again with the image's path, URL or data URI, or pass that here instead of "
    "a handle."
)


def agent_policy(
    roots: Iterable[str | Path] | None = None, *, allow_urls: bool = False
) -> ImagePolicy:
    """`ImagePolicy.agent` for tools: there, a language model names the URLs, so they are off.

    Args:
        roots: folders that paths must lie in; None for the working directory, () for no folder.
        allow_urls: fetch http(s) URLs, from public addresses only.
    """
    return ImagePolicy.agent(roots, allow_urls=allow_urls)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An encoded image that has been decoded once without an error.

    Attributes:
        data: the encoded file.
        sha256: hex digest of `data`.
        size: (width, height) in pixels, upright.
        format: PNG, JPEG, WEBP, HEIF, GIF, BMP or TIFF; PNG for a page of several; MP4 or the
            like for a video.
        is_blank: whether it shows nothing; see `LoadedImage.is_blank`. Of a video it is not known.
        page: which page of its document it is, from 1.
        pages: how many the document has; 1 for an image.
        own_text, layer_flags: see `EncodedImage`.
        is_video: whether it is a video, or an animation as a whole.
    """

    data: bytes
    sha256: str
    size: tuple[int, int]
    format: str
    is_blank: bool
    page: int = 1
    pages: int = 1
    own_text: str | None = None
    layer_flags: tuple[Flag, ...] = ()
    is_video: bool = False

    @property
    def handle(self) -> str:
        return f"img:{self.sha256[:_HANDLE_DIGITS]}"

    @property
    def encoded(self) -> EncodedImage:
        """The image for an engine, without the name of its file, which others may not know."""
        ref = PageRef(page=self.page, pages=self.pages)
        name = "the video" if self.is_video else str(ref)
        return EncodedImage(
            self.data, name, ref=ref, own_text=self.own_text, layer_flags=self.layer_flags
        )


def _handle_digits(text: str) -> str | None:
    """What follows the start of a handle, in lower case; None for what is no handle."""
    trimmed = text.strip()
    for start in _HANDLES:
        if trimmed[: len(start)].lower() == start:
            return trimmed[len(start) :].strip().lower()
    return None


def _stored_video(encoded: EncodedImage, size: tuple[int, int], kind: str) -> StoredImage:
    digest = hashlib.sha256(encoded.data).hexdigest()
    return StoredImage(encoded.data, digest, size, kind, is_blank=False, is_video=True)


def one_by_one(images: Sequence[StoredImage]) -> bool:
    """Whether an engine reads the print of each by itself: pages of documents beside others."""
    return len(images) > 1 and any(image.pages > 1 for image in images)


class ImageStore:
    """The images used last, by their digests; safe to share between threads.

    A handle is part of the image's hash: whoever knows it has had the image, or was told by
    somebody who had.

    Args:
        policy: which images are accepted, or its name; None for `agent_policy()`.
        max_bytes: encoded bytes to keep; the images used longest ago make room.
        max_images: number of images to keep.
    """

    def __init__(
        self,
        policy: PolicyLike | None = None,
        *,
        max_bytes: int = 64_000_000,
        max_images: int = 1024,
    ) -> None:
        self.policy = ImagePolicy.named(policy, agent_policy())
        check_whole("max_bytes", max_bytes)
        check_whole("max_images", max_images)
        if max_bytes < self.policy.max_bytes:
            raise BadOptions(
                f"a store of `max_bytes={max_bytes:,}` cannot hold an image of "
                f"{self.policy.max_bytes:,} bytes",
                "Give it more room. Or lower `ImagePolicy.max_bytes`.",
            )
        self._max_bytes = max_bytes
        self._max_images = max_images
        self._images: OrderedDict[str, StoredImage] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._decoding = threading.Lock()
        self._known = KnownImages()

    @property
    def held_bytes(self) -> int:
        """Encoded bytes kept now."""
        return self._held

    def load(self, text: str) -> StoredImage:
        """Get the image that a tool's argument names, and keep it; see `load_pages`.

        Raises:
            PagesNeeded: it is a document of several pages.
        """
        return self.load_pages(text, PageChoice(most=1))[0]

    def load_pages(self, text: str, pages: PageChoice | str | None = None) -> list[StoredImage]:
        """Get the image that a tool's argument names, or pages of that document, and keep them.

        Blocks while a file is read, a URL fetched, a page rendered or an image decoded. Unless
        the policy isolates, images are decoded one at a time, so that many callers together need
        the memory of one. Pages that look the same share a handle, which then stands for the one
        loaded last.

        Args:
            text: see the module.
            pages: which of them, such as "1-3,7"; needed where there are several.

        Raises:
            PagesNeeded: there are several, and nothing says which.
            BadArguments, BadOptions: see `PageChoice.numbers`.
            ImageNotFound: an unknown handle, or no such file.
            InputError: see `load_image`, `open_pages` and `see_video`.
            BackendUnavailable: PyAV is not installed.
        """
        choice = pages if isinstance(pages, PageChoice) else PageChoice(pages)
        digits = _handle_digits(text)
        held = None if digits is None else self._find(digits, text)
        if held is not None and not held.is_video and choice.frames is None:
            choice.numbers(1, held.handle)
            return [held]
        encoded = read_image(text, self.policy) if held is None else held.encoded
        with self._taking_turns():
            video = see_video(encoded, self.policy, choice)
        if video is not None:
            choice.numbers(1, encoded.name)
            return [self._keep(held or _stored_video(encoded, *video))]
        if not is_document(encoded, self.policy):
            choice.numbers(1, encoded.name)
            return [self._decode(encoded)]
        with open_pages(encoded, self.policy) as document:
            numbers = choice.numbers(len(document), encoded.name)
            return [self._decode(self._render(document, number)) for number in numbers]

    def load_all(self, texts: Sequence[str], pages: PageChoice) -> list[StoredImage]:
        """The images and pages of one call in order; see `load_pages`."""
        images: list[StoredImage] = []
        for text in texts:
            images += self.load_pages(text, replace(pages, taken=len(images)))
        pages.check_enough(len(images))
        return images

    def get(self, sha256: str) -> StoredImage | None:
        """A kept image by its digest or the first 16 or more digits of it, or None."""
        try:
            return self._find(sha256.lower(), sha256)
        except ImageNotFound:
            return None

    def clear(self) -> None:
        """Forget all images."""
        with self._lock:
            self._images.clear()
            self._held = 0

    def _render(self, document: Pages, number: int) -> EncodedImage:
        with self._taking_turns():
            return document.encoded(number)

    def _taking_turns(self) -> AbstractContextManager[Any]:
        """One at a time in this process; child processes have limits of their own."""
        return nullcontext() if self.policy.isolate else self._decoding

    def _decode(self, encoded: EncodedImage) -> StoredImage:
        """Decode an image once, and keep it."""
        with self._taking_turns():
            image = see_image(encoded, self.policy, self._known)
            blank = image.is_blank
        at = encoded.ref
        return self._keep(
            StoredImage(
                encoded.data,
                image.sha256,
                image.size,
                image.format or "",
                blank,
                at.page,
                at.pages,
                encoded.own_text,
                encoded.layer_flags,
            )
        )

    def _find(self, digits: str, text: str) -> StoredImage:
        name = repr(abbreviate(text.strip(), 90))
        if not _DIGEST.fullmatch(digits):
            raise ImageNotFound(
                f"{name} is not an image handle: those are img: and 16 to 64 hex digits", _AGAIN
            )
        with self._lock:
            found = [image for digest, image in self._images.items() if digest.startswith(digits)]
            if len(found) == 1:
                self._images.move_to_end(found[0].sha256)
                return found[0]
        if found:
            raise ImageNotFound(
                f"{name} stands for {len(found)} images", "Use img: and the whole sha256."
            )
        raise ImageNotFound(f"{name} is not in the store, or no longer there", _AGAIN)

    def _keep(self, image: StoredImage) -> StoredImage:
        with self._lock:
            held = self._images.pop(image.sha256, None)
            self._held += len(image.data) - (len(held.data) if held else 0)
            self._images[image.sha256] = image
            while self._held > self._max_bytes or len(self._images) > self._max_images:
                _, oldest = self._images.popitem(last=False)
                self._held -= len(oldest.data)
        return image

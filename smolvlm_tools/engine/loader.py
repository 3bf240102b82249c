"""Loads images that may take long, beside the engine's thread: strangers' images, and URLs.

The engine's thread makes a step for every reply that is decoding; while it fetched a URL or waited
for a slow image, they would all stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from ..decoding.clock import StageClock
from ..images import ImagePolicy, LoadedImage
from ..images.encodings import url_scheme
from ..machine.closing import Closing
from ..machine.stopping import Check, stoppable_by
from ..memory.guard import MemoryGuard
from ..prompt.layout import RequestLayouter
from ..prompt.request import Request
from ..types import ImagePart

MOST_LOADING = 16
"""Requests whose images are loaded at the same time; those after them wait in the queue."""

Decode: TypeAlias = Callable[[], LoadedImage]
"""Gives an image, as often as it is called."""

Loading: TypeAlias = "Future[Sequence[Decode]]"
"""A request's images, once they are there."""


class Loader(Closing):
    """Loads the images of requests on threads of its own."""

    def __init__(self, layouter: RequestLayouter, guard: MemoryGuard) -> None:
        self._layouter, self._guard = layouter, guard
        self._threads: ThreadPoolExecutor | None = None

    def start(self, request: Request, check: Check, clock: StageClock) -> Loading | None:
        """Begin to load a request's images; None where the engine's thread can do so itself.

        `check` ends it when it raises.
        """
        if not _may_take_long(request, self._policy(request)):
            return None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MOST_LOADING, "smolvlm-images")
        return self._threads.submit(self._load, request, check, clock)

    def close(self) -> None:
        """Begin nothing more; what is being loaded ends by its check."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _policy(self, request: Request) -> ImagePolicy:
        return request.images or self._layouter.policy

    def _load(self, request: Request, check: Check, clock: StageClock) -> Sequence[Decode]:
        with stoppable_by(check), clock.stage("preprocess"):
            opened = self._layouter.open_images(request, self._guard.check_pixels)
            if not self._policy(request).isolate:
                return list(opened)  # decoded later: this process's memory is for one at a time
            return [_Ahead(decode) for decode in opened]


class _Ahead:
    """An image that was decoded ahead: by a child, in memory that nothing here has touched yet."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._first: LoadedImage | None = decode()

    def __call__(self) -> LoadedImage:
        image, self._first = self._first, None
        return image or self._decode()


def _may_take_long(request: Request, policy: ImagePolicy) -> bool:
    images = (
        part.image
        for message in request.messages
        for part in message.content
        if isinstance(part, ImagePart)
    )
    return any(
        policy.isolate or (isinstance(image, str) and url_scheme(image[:64]) in ("http", "https"))
        for image in images
    )

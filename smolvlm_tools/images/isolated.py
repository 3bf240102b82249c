"""An image that a child process reads; see `smolvlm_tools.sandbox`.

Its pixels come back in shared memory, where they stay: nothing is copied here.
"""

from __future__ import annotations

from typing import Any

from PIL import Image

from ..sandbox.held import Held, Request, Room, unpack
from ..sandbox.messages import Message
from ..sandbox.pool import SHARED
from ..sandbox.segments import AVAILABLE
from ..sandbox.services import IMAGES
from .encoded import CheckPixels, EncodedImage, ReduceTo, Size
from .mapped import BYTES_PER_PIXEL, map_pixels
from .opened import Decoded, Seen
from .policy import ImagePolicy


class IsolatedImage:
    """An `OpenedImage` that a child has open.

    Raises:
        InputError: as `load_image`; DocumentTooCostly: a limit was passed, or the child crashed.
    """

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy) -> None:
        header = {"mime": encoded.mime, "policy": policy.for_bytes()}
        self._held = Held(IMAGES, encoded.name, header, encoded.data)
        self.frames, self._size, self._can_reduce = self._ask(_facts, Request())

    def decode(self, reduce_to: ReduceTo | None, check_pixels: CheckPixels | None) -> Decoded:
        """See `OpenedImage`."""
        full, size = None, self._size
        wanted = reduce_to(size) if reduce_to is not None and self._can_reduce else None
        if wanted is not None:
            full = size
            size = self._ask(_size, Request("reduce", args={"wanted": wanted}))
        if check_pixels is not None:
            check_pixels(size)
        pixels, is_blank = self._pixels(size)
        self._held.close()
        return Decoded(pixels, full or pixels.size, is_blank)

    def see(self) -> Seen:
        """See `OpenedImage`."""
        seen = self._ask(_seen, Request("see"))
        self._held.close()
        return seen

    def _pixels(self, size: Size) -> tuple[Image.Image, bool]:
        if not AVAILABLE:
            return self._ask(_sent, Request("pixels"))
        room = Room(size[0] * size[1] * BYTES_PER_PIXEL)
        seen = self._ask(_seen, Request("pixels", room=room))
        return map_pixels(room.memory, seen.size), seen.is_blank

    def _ask(self, read: Any, request: Request) -> Any:
        return unpack(read, SHARED.ask(self._held, request))


def _facts(answer: Message) -> tuple[int, Size, bool]:
    facts = answer[0]
    return int(facts["frames"]), _size(answer), bool(facts["can_reduce"])


def _size(answer: Message) -> Size:
    width, height = answer[0]["size"]
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise ValueError(f"a size of {width}x{height}")
    return int(width), int(height)


def _seen(answer: Message) -> Seen:
    return Seen(_size(answer), bool(answer[0]["is_blank"]))


def _sent(answer: Message) -> tuple[Image.Image, bool]:
    seen = _seen(answer)
    return Image.frombytes("RGB", seen.size, answer[1][0]), seen.is_blank

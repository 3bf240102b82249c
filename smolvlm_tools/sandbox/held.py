"""What a child has been handed; any child can be handed it, and another one again after a kill."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ..errors import Closed, DocumentTooCostly
from .coding import decode_error
from .messages import BrokenMessage, Message
from .segments import Segment

LEAVE_OUT = "Leave it out, or save it in a simpler form."
"""The remedy for what cannot be read within the limits."""

T = TypeVar("T")
_NUMBERS = itertools.count(1)


@dataclass(eq=False)
class Held:
    """Bytes, and how they are to be opened. They are kept until it is closed.

    Attributes:
        service: one of `services.SERVICES`.
        name: what errors call it.
        header: what the service is told when it opens the bytes.
    """

    service: str
    name: str
    header: dict[str, Any]
    data: bytes | None
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def is_closed(self) -> bool:
        return self.data is None

    def close(self) -> None:
        self.data = None

    def check_open(self) -> bytes:
        """Its bytes.

        Raises:
            Closed: they are no longer kept.
        """
        if self.data is None:
            raise Closed(f"{self.name} was closed", "Open it again.")
        return self.data

    def opening(self) -> tuple[dict[str, Any], bytes]:
        """The message that hands it over: its header and the bytes.

        Raises:
            Closed: its bytes are no longer kept.
        """
        data = self.check_open()
        header = {"service": self.service, "name": self.name, **self.header}
        return {**header, "call": "open", "held": self.number}, data


@dataclass(slots=True)
class Room:
    """Shared memory that is asked for along with something: `segment` is there with the answer."""

    nbytes: int
    segment: Segment | None = None

    @property
    def memory(self) -> Any:
        """What a child has filled."""
        assert self.segment is not None
        return self.segment.memory


@dataclass(frozen=True, slots=True)
class Request:
    """Something to do with what is held.

    Attributes:
        call: "open", or one of the service's.
        what: the part of it that this is about, such as "page 2"; all of it when None.
        args: what the service is told.
        room: where large results go.
    """

    call: str = "open"
    what: str | None = None
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    room: Room | None = None

    def about(self, held: Held) -> str:
        """What errors call it."""
        return held.name if self.what is None else f"{self.what} of {held.name}"


Ask: TypeAlias = Callable[[Held, Request], Message]
"""Has a child do something."""


def unpack(read: Callable[[Message], T], answer: Message) -> T:
    """What an answer means.

    Raises:
        SmolVLMError: what the child raised.
        DocumentTooCostly: the answer is no answer to what was asked.
    """
    try:
        if "error" in answer[0]:
            raise decode_error(answer)
        return read(answer)
    except (BrokenMessage, KeyError, TypeError, ValueError) as error:
        raise DocumentTooCostly(f"the reader answers nonsense ({error!r})", LEAVE_OUT) from error

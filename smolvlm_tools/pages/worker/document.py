"""A document that any worker can open, and another one again after a kill."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...errors import Closed, DocumentTooCostly
from ...images import EncodedImage, ImagePolicy
from ..page import Pages
from .calls import CALLS
from .coding import decode_error, encode_policy
from .messages import BrokenMessage, Message

LEAVE_OUT = "Leave it out, or save the document in a simpler form."
"""The remedy for what cannot be read within the limits."""

_NUMBERS = itertools.count(1)


@dataclass(eq=False)
class Document:
    """An encoded document and how it is to be read. Its bytes are kept until it is closed."""

    encoded: EncodedImage | None
    policy: ImagePolicy
    password: str | None
    longest_edge: int
    max_pages: int
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def name(self) -> str:
        return self.encoded.name if self.encoded is not None else "the document"

    @property
    def is_closed(self) -> bool:
        return self.encoded is None

    def close(self) -> None:
        self.encoded = None

    def check_open(self) -> EncodedImage:
        """Its bytes.

        Raises:
            Closed: they are no longer kept.
        """
        encoded = self.encoded
        if encoded is None:
            raise Closed("the document was closed", "Open it again.")
        return encoded

    def opening(self) -> Message:
        """The message that opens it.

        Raises:
            Closed: its bytes are no longer kept.
        """
        encoded = self.check_open()
        header = {
            "call": "open",
            "document": self.number,
            "name": encoded.name,
            "mime": encoded.mime,
            "policy": encode_policy(self.policy),
            "password": self.password,
            "longest_edge": self.longest_edge,
            "max_pages": self.max_pages,
        }
        return header, [encoded.data]


Ask: TypeAlias = Callable[[Document, str, int], Message]
"""Has a worker do a call, by its name, for a page, by its number."""


def open_with(ask: Ask, document: Document) -> Pages:
    """The pages of a document that are read by asking a worker."""
    source = document.encoded.ref.source if document.encoded is not None else None

    def call(name: str) -> Callable[[int], Any]:
        return lambda number: _unpack(CALLS[name].unpack, ask(document, name, number))

    def parse(answer: Message) -> tuple[int, bool]:
        return int(answer[0]["pages"]), bool(answer[0]["has_text"])

    total, has_text = _unpack(parse, ask(document, "open", 0))
    return Pages(
        total,
        call("read"),
        document.close,
        text=call("text") if has_text else None,  # what need not be asked is not
        pictures=call("pictures") if has_text else None,
        source=source,
    )


def _unpack(unpack: Callable[[Message], Any], answer: Message) -> Any:
    try:
        if "error" in answer[0]:
            raise decode_error(answer)
        return unpack(answer)
    except (BrokenMessage, KeyError, TypeError, ValueError) as error:
        raise DocumentTooCostly(f"the reader answers nonsense ({error!r})", LEAVE_OUT) from error

"""What a hostile case is: something to send, and what may come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from smolvlm_tools import errors

Kind: TypeAlias = Literal[
    "image", "document", "path", "url", "uri", "base64", "prompt", "arguments", "blocks", "line"
]
"""image, document: the bytes of a file. path, url, uri (a data URI), base64: text that names an
image. prompt: a question and options. arguments: of a tool. blocks: content of a chat message.
line: a message to an MCP server as it stands."""

WORKS = "works"
"""Stands among codes of errors for: there is a result."""


def _codes(root: type[errors.SmolVLMError]) -> frozenset[str]:
    return frozenset({root.code}).union(*map(_codes, root.__subclasses__()))


TYPED = _codes(errors.InputError)
"""Codes of all errors about what was passed in."""

ANY = TYPED | {WORKS}
COSTLY = frozenset({"image_too_large", "document_too_costly", "corrupt_image", "bad_dimensions"})
"""Codes of what is refused because of its cost."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent; the rest stays as it is in a good request.

    Attributes:
        data: of a file.
        suffix: how the file's name ends.
        text: that names an image.
        mime: of `text`, where a surface wants base64 and its type apart.
        question: about the image.
        options: of the request.
        tool: that the arguments are for.
        arguments: of the tool, as JSON.
        blocks: of LangChain's message.
        line: the message to a server, without its end.
    """

    data: bytes | None = None
    suffix: str = ".png"
    text: str | None = None
    mime: str | None = None
    question: str = "What color is the circle?"
    options: dict[str, Any] = field(default_factory=dict)
    tool: str = "describe_image"
    arguments: Any = None
    blocks: Any = None
    line: str | None = None


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes:
        name: unique.
        make: makes what is sent, each time anew. The folder of `traps` is the working directory of
            whoever reads it.
        allowed: codes of the errors that may come back, or `WORKS`.
        surfaces: their names, where not all that take this kind take it.
        pages: of a document or animation, which are looked at.
        size: (width, height) of the image, which has to be read as such.
        trusted: what may come back where a person names the source; `ANY` unless it is content.
    """

    name: str
    kind: Kind
    make: Callable[[], Sent]
    allowed: frozenset[str]
    surfaces: frozenset[str] | None = None
    pages: str | None = None
    size: tuple[int, int] | None = None
    trusted: frozenset[str] | None = None


def codes(*allowed: str | type[errors.SmolVLMError] | Iterable[str]) -> frozenset[str]:
    """Codes of errors, also of those below them."""
    found: set[str] = set()
    for each in allowed:
        if isinstance(each, str):
            found.add(each)
        elif isinstance(each, type):
            found |= _codes(each)
        else:
            found |= set(each)
    return frozenset(found)


def image(
    name: str,
    make: Callable[[], bytes],
    *allowed: str | type[errors.SmolVLMError] | Iterable[str],
    suffix: str = ".png",
    pages: str | None = None,
    size: tuple[int, int] | None = None,
) -> Case:
    """A case that is the content of an image file."""
    return Case(
        name,
        "image",
        lambda: Sent(data=make(), suffix=suffix),
        codes(*allowed) if allowed else ANY,
        pages=pages,
        size=size,
    )


def document(
    name: str, make: Callable[[], bytes], *allowed: str | Iterable[str], suffix: str = ".pdf"
) -> Case:
    """A case that is the content of a document, of which the first page is looked at."""
    return Case(
        name,
        "document",
        lambda: Sent(data=make(), suffix=suffix),
        codes(*allowed) if allowed else ANY,
        pages="1",
    )

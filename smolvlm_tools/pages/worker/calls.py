"""What a worker can be asked about a page. A further call is one entry of `CALLS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from ...sandbox.messages import Message
from ..content import Picture, TextLayer
from ..page import Page, Pages


class Call(NamedTuple):
    """A call: done and packed into a message by the child, unpacked by the parent."""

    do: Callable[[Pages, int], Any]
    pack: Callable[[Any], Message]
    unpack: Callable[[Message], Any]


def _pack_page(page: Page) -> Message:
    return _named(page), [page.data]


def _unpack_page(message: Message) -> Page:
    named, [data] = message
    return Page(data=data, **named)


def _pack_layer(layer: TextLayer | None) -> Message:
    return {"layer": None if layer is None else _named(layer)}, []


def _unpack_layer(message: Message) -> TextLayer | None:
    layer = message[0]["layer"]
    return None if layer is None else TextLayer(**layer)


def _pack_pictures(pictures: Sequence[Picture]) -> Message:
    return {"pictures": [_named(each) for each in pictures]}, [each.data for each in pictures]


def _unpack_pictures(message: Message) -> tuple[Picture, ...]:
    header, parts = message
    return tuple(
        Picture(data=data, bbox=tuple(named.pop("bbox")), **named)
        for named, data in zip(header["pictures"], parts, strict=True)
    )


def _named(value: Page | TextLayer | Picture) -> dict[str, Any]:
    """The fields of a value, without its bytes."""
    names = (each.name for each in fields(value))
    return {name: getattr(value, name) for name in names if name != "data"}


CALLS = {
    "read": Call(Pages.read, _pack_page, _unpack_page),
    "text": Call(Pages.text, _pack_layer, _unpack_layer),
    "pictures": Call(Pages.pictures, _pack_pictures, _unpack_pictures),
}

"""Takes the values that the model was not sure of out of a JSON answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any


def without_doubtful(
    parse: Callable[[str], Any], text: str, value: Any, doubtful: Sequence[str]
) -> tuple[Any, tuple[str, ...]]:
    """Make scalars null wherever their type allows it.

    Args:
        parse: from a document to the value; raises ValueError where the document is not allowed.
        text: the document.
        value: what it was parsed to.
        doubtful: JSON pointers (RFC 6901) of the scalars.

    Returns:
        The value without them; the pointers of those that had to stay.
    """
    holder = [json.loads(text)]
    stay: list[str] = []
    for pointer in doubtful:
        place, key = _find(holder, pointer)
        was, place[key] = place[key], None
        try:
            value = parse(json.dumps(holder[0]))
        except ValueError:
            place[key] = was
            stay.append(pointer)
    return value, tuple(stay)


def _find(holder: list[Any], pointer: str) -> tuple[Any, Any]:
    """The list or object that holds what a pointer names, and its index or key there."""
    place: Any = holder
    key: Any = 0
    for step in pointer.split("/")[1:]:
        place = place[key]
        name = step.replace("~1", "/").replace("~0", "~")
        key = int(name) if isinstance(place, list) else name
    return place, key

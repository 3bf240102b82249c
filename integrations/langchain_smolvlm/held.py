"""Image data that shows as its digest and size.

What LangChain hands to callbacks, tracers and event streams, and makes cache keys of, is what it
hands to the model. So that megabytes of base64 do not end up there, they are put aside: a text
stands in their place that says which data it was, and carries the data itself for the model only.
It does so by being a string of its own kind, as LangChain copies blocks but not the strings in
them.

    "iVBORw0KGgo…"                        <5843 bytes, sha256:9f86d081…>
    "data:image/png;base64,iVBORw0KGgo…"  data:image/png;base64,<5843 bytes, sha256:9f86d081…>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, cast

from smolvlm_tools import url_scheme

_DATA_KEYS = frozenset({"base64", "data", "file_data"})
_PIECE = 4 << 18
"""Characters of base64 that are decoded at once, so that little memory is needed."""

_NO_DATA = frozenset({"text", "json", "tool_call", "tool_use", "reasoning", "thinking"})
"""Types of blocks that never hold an image, whatever their keys."""

_DEEPEST = 32
"""Blocks within blocks; the model refuses fewer."""

Change = Callable[[str, str], str]
"""From a key and its text to the text that takes its place."""


class Held(str):
    """The short text, with the long one behind it; copies made by pickling have the short one."""

    data: str

    def __new__(cls, shown: str, data: str) -> Held:
        held = super().__new__(cls, shown)
        held.data = data
        return held

    def __deepcopy__(self, memo: dict[int, Any]) -> Held:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def hold(value: Any) -> Any:
    """A content block, or a tool's arguments, with every image's data put aside."""
    return _changed(value, _hold, "", 0)


def release(value: Any) -> Any:
    """What `hold` was given."""
    return _changed(value, lambda key, text: text.data if isinstance(text, Held) else text, "", 0)


def _changed(value: Any, change: Change, key: str, depth: int) -> Any:
    """A copy where something has changed, else the value itself."""
    if isinstance(value, str):
        return change(key, value)
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        if str(known.get("type")) in _NO_DATA:
            return known
        new = {k: _changed(v, change, str(k), depth + 1) for k, v in known.items()}
        return new if any(new[k] is not v for k, v in known.items()) else known
    if isinstance(value, list):
        items = cast("list[Any]", value)
        listed = [_changed(item, change, key, depth + 1) for item in items]
        return listed if any(a is not b for a, b in zip(listed, items, strict=True)) else items
    return value


def _hold(key: str, text: str) -> str:
    if isinstance(text, Held) or not text:
        return text
    if url_scheme(text) == "data":
        header, comma, payload = text.partition(",")
        return Held(f"{header}{comma}{_described(payload)}", text) if comma else text
    return Held(_described(text), text) if key in _DATA_KEYS else text


def _described(encoded: str) -> str:
    """Size and digest of what is encoded; of the text itself where that is no base64."""
    digest, size, rest = hashlib.sha256(), 0, ""
    try:
        for at in range(0, len(encoded), _PIECE):
            digits = rest + "".join(encoded[at : at + _PIECE].split())
            whole = len(digits) // 4 * 4
            decoded, rest = base64.b64decode(digits[:whole], validate=True), digits[whole:]
            digest.update(decoded)
            size += len(decoded)
        if rest:
            raise ValueError("it ends too early")
    except (binascii.Error, ValueError):  # the engine will say what is wrong with it
        told = hashlib.sha256(encoded.encode(errors="replace")).hexdigest()
        return f"<{len(encoded)} characters, sha256:{told}>"
    return f"<{size} bytes, sha256:{digest.hexdigest()}>"

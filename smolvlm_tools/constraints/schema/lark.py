"""A schema → llguidance's Lark form, laid out as `json.dumps` does."""

from __future__ import annotations

import json
from typing import Any

_LAYOUT = {
    "item_separator": ", ",
    "key_separator": ": ",
    "whitespace_flexible": False,
    "coerce_one_of": True,
    "json_allowed_escapes": '"\\nt',
}


def to_lark(schema: dict[str, Any]) -> str:
    """The grammar of one space and a document."""
    text = json.dumps({**schema, "x-guidance": _LAYOUT})
    return f'start: " " %json {text}\n'

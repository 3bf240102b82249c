"""Rows as LLaMA-Factory writes them: sharegpt's conversations, and alpaca's instructions.

Images fill the <image> in the texts in order; there are as many of the one as of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import BadSamples
from ...types import Message, TextPart
from .pictures import Placing, images_of
from .rows import Row
from .turns import message, role_of, text_of


def from_sharegpt(row: Row, folder: Path) -> tuple[Message, ...]:
    """The turns under "conversations", each with "from" and "value"."""
    turns = row["conversations"]
    if not isinstance(turns, list) or not turns:
        raise BadSamples("conversations that are no list of turns", "Give a list of from, value.")
    placing, found = Placing(images_of(row, folder)), _system(row)
    for at, turn in enumerate(cast("list[Any]", turns), 1):
        if not isinstance(turn, Mapping):
            raise BadSamples(f"turn {at} is no object", "A turn is an object of from and value.")
        given = cast("Mapping[str, Any]", turn)
        role, text = role_of(given.get("from")), text_of(given.get("value"), "value")
        found.append(message(role, placing.fill(text)))
    placing.finish()
    return tuple(found)


def from_alpaca(row: Row, folder: Path) -> tuple[Message, ...]:
    """The question of "instruction" and "input", and the answer of "output"."""
    placing, found = Placing(images_of(row, folder)), _system(row)
    for pair in cast("list[Any]", row.get("history") or []):
        asked, answer = _pair(pair)
        found.append(message("user", placing.fill(asked)))
        found.append(message("assistant", placing.fill(answer)))
    asked = text_of(row["instruction"], "instruction")
    more = text_of(row.get("input") or "", "input")
    found.append(message("user", placing.fill(f"{asked}\n{more}" if more else asked)))
    found.append(message("assistant", placing.fill(text_of(row["output"], "output"))))
    placing.finish()
    return tuple(found)


def _system(row: Row) -> list[Message]:
    text = text_of(row.get("system") or "", "system")
    return [message("system", (TextPart(text=text),))] if text else []


def _pair(pair: Any) -> tuple[str, str]:
    if not isinstance(pair, list) or len(cast("list[Any]", pair)) != 2:
        raise BadSamples("a history that is no list of pairs", "Give [[question, answer], …].")
    asked, answer = cast("list[Any]", pair)
    return text_of(asked, "history"), text_of(answer, "history")

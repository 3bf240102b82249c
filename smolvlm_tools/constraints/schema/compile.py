"""The front door: a schema → a grammar, and how its texts are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...errors import SchemaNotSupported
from .plain import plain_copy, refuse

_ENDLESS = 1 << 15
"""Bytes that a document may be forced to begin with."""


@dataclass(frozen=True, slots=True)
class JsonGrammar:
    """What a schema became; the fields are those of `kinds.Grammar`, whose `parse` is `read`."""

    lark: str
    read: Callable[[str], Any]
    unenforced: frozenset[str]
    strings: tuple[str, ...]


def compile_json_schema(schema: Mapping[str, Any] | bool) -> JsonGrammar:
    """Hand a schema to llguidance, narrowed.

    Every text of the grammar is one line of JSON laid out as `json.dumps` does; names of members
    that the schema lists come once and in its order.

    Args:
        schema: JSON Schema, draft 4 to 2020-12. Unknown keywords are ignored. An object that lists
            properties and does not speak of additional ones has no others.

    Raises:
        SchemaNotSupported: it is not valid, cannot be compiled, no value satisfies it, or it is too
            large; `keyword` names what is at fault.
    """
    return _compiled(json.dumps(plain_copy(schema)))


@lru_cache(maxsize=16)
def _compiled(text: str) -> JsonGrammar:
    from ..byte_matcher import byte_matcher, json_lark
    from .narrow import Narrower
    from .validation import Validator

    validator = Validator(json.loads(text))
    narrower = Narrower(validator.root, gridded='"multipleOf"' not in text)
    try:
        lark = json_lark(narrower.document())
    except (TypeError, ValueError, AttributeError) as error:
        # The dialect's own check does not reach places that only a reference leads to.
        refuse("$ref", "#", f"leads to what is not a schema ({error!s:.80})", "Correct it.")
    matcher = byte_matcher(lark)
    if matcher.is_error():
        raise _refused(matcher.get_error())
    matcher.consume_token(ord(" "))
    if not any(matcher.compute_bitmask()) or matcher.is_error():
        raise _refused("Unsatisfiable schema")
    if len(matcher.compute_ff_tokens()) > _ENDLESS:
        raise _refused("Unsatisfiable schema: every value holds another one without end")
    unenforced, strings = frozenset(narrower.unenforced), tuple(narrower.strings)
    return JsonGrammar(lark, validator.read, unenforced, strings)


def _refused(message: str) -> SchemaNotSupported:
    """Llguidance's refusal as ours."""
    said = message.partition("failed to compile JSON schema: ")[2] or message
    said = " ".join(said.split()).partition(" 1 | start:")[0]  # the grammar itself follows
    hints = {"patternProperty": "patternProperties", "Properties": "minProperties", "ref": "$ref"}
    keyword = next((word for hint, word in hints.items() if hint in said), "schema")
    if "nsatisfiable" in said:
        why, keyword = "no value satisfies the schema", "schema"
        remedy = "Look for keywords that exclude each other."
    else:
        why, remedy = "the schema cannot be enforced", "Use a simpler schema."
    return SchemaNotSupported(f"{why} ({said:.160})", remedy, keyword)

"""Grammars in llguidance's Lark form, over single bytes instead of a model's tokens."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..machine.deep_stack import on_deep_stack

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

END = 256
"""The one token that is not a byte."""

_LAYOUT = {  # that of `json.dumps`
    "item_separator": ", ",
    "key_separator": ": ",
    "whitespace_flexible": False,
    "coerce_one_of": True,
    "json_allowed_escapes": '"\\nt',
}


def json_lark(schema: dict[str, Any]) -> str:
    """The grammar of one space and a JSON document."""
    text = json.dumps({**schema, "x-guidance": _LAYOUT})
    return f'start: " " %json {text}\n'


class _Bytes:
    """What llguidance asks of a tokenizer: every byte is a token."""

    eos_token_id = END
    bos_token_id = None
    tokens = (*(bytes([byte]) for byte in range(256)), b"\xff<end>")  # 0xff marks special tokens
    special_token_ids = (END,)

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


@lru_cache(maxsize=1)
def _tokens() -> LLTokenizer:
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_Bytes()), slices=[])


def byte_matcher(grammar: str, *, step_fuel: int = 200_000) -> LLMatcher:
    """A matcher at the beginning of a text, whose tokens 0 to 255 are the bytes.

    Args:
        grammar: in llguidance's Lark form; `is_error` tells whether it is refused.
        step_fuel: how hard a byte may be for the lexer, in llguidance's measure (14,000 a ms).
    """
    from llguidance import LLMatcher, LLParserLimits

    limits = LLParserLimits(step_lexer_fuel=step_fuel, max_lexer_states=50_000)
    tokens = _tokens()
    return on_deep_stack(lambda: LLMatcher(tokens, grammar, log_level=0, limits=limits), grammar)

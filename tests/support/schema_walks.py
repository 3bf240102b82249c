"""Random walks through a grammar, and what a text has to hold to be valid."""

from __future__ import annotations

import json
import math
import random
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from smolvlm_tools.constraints.byte_matcher import byte_matcher

REAL = Path(__file__).parents[3] / "shared" / "schemas"

_matcher = lru_cache(maxsize=4)(byte_matcher)


def real_schemas() -> list[Any]:
    """Those of JSONSchemaBench that lie beside the checkout."""
    if not REAL.is_dir():
        pytest.skip("the folder of real schemas is not here")
    paths = sorted(REAL.glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def check_valid(schema: Any, text: str) -> None:
    """Assert that a text is one line of well-formed JSON whose value validates, formats too."""
    value = json.loads(text, parse_constant=lambda name: math.nan)
    assert not _is_unsafe(text, value), text
    kind = validator_for(schema, default=Draft202012Validator)
    errors = [
        f"{error.json_path}: {error.message}"
        for error in kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(value)
    ]
    assert not errors, (schema, text, errors)


def _is_unsafe(text: str, value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return True
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return any(_is_unsafe("", each) for each in inner)
    return bool(re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text))


def walk(matcher: Any, source: random.Random, most: int, ends: range | frozenset[int]) -> list[int]:
    """Up to `most` tokens, each drawn from those that `matcher` allows; none of `ends`."""
    taken: list[int] = []
    while len(taken) < most:
        bits = int.from_bytes(matcher.compute_bitmask(), "little")
        allowed = [i for i in range(bits.bit_length()) if bits >> i & 1]
        assert allowed, matcher.get_error() or "a dead end"
        token = source.choice(allowed)
        if token in ends:
            break
        assert matcher.consume_token(token), matcher.get_error()
        taken.append(token)
    return taken


def byte_walk(grammar: str, source: random.Random, most: int) -> bytes:
    """The beginning, or all, of a text of the grammar, up to `most` bytes."""
    return bytes(walk(byte_matcher(grammar), source, most, frozenset({256})))


def accepts(grammar: str, text: str) -> bool:
    """Whether a grammar has a text; that of a constraint begins with a space."""
    matcher = _matcher(grammar).deep_copy()
    assert not matcher.is_error(), matcher.get_error()
    data = text.encode()
    return matcher.try_consume_tokens(list(data)) == len(data) and matcher.is_accepting()

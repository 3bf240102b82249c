r"""What an answer may be, enforced while it is decoded: grammars over tokens, and closed choices.

    kinds     the constraints themselves: yes_no, choices, integer, number, date, regex, lines, …
    answers   a Python type -> a constraint
    compiler  a constraint + a tokenizer -> what the decode loop asks
    matcher   which token may come next             json_schema  a schema -> a grammar, or refused
    options   the probability of every choice       completion   the shortest end of a cut answer
    fields    which tokens wrote which JSON value

Knows tokenizers and logits; not backends, images or tools. Grammars run on llguidance
(https://github.com/guidance-ai/llguidance).
"""

from __future__ import annotations

from . import json_schema as _json_schema  # noqa: F401  (first: a function gets its name)
from .kinds import (
    Choice,
    Constraint,
    Grammar,
    choices,
    date,
    integer,
    json_schema,
    lines,
    number,
    regex,
    yes_no,
)

__all__ = [
    "Choice",
    "Constraint",
    "Grammar",
    "choices",
    "date",
    "integer",
    "json_schema",
    "lines",
    "number",
    "regex",
    "yes_no",
]

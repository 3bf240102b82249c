r"""What an answer may be, enforced while it is decoded: grammars over tokens, and closed choices.

    kinds       the constraints: yes_no, choices, integer, number, date, regex, lines, …
    rating      a scale, answered by its expected level
    answers     a Python type, or a name such as "yes-no" -> a constraint
    schema/     a JSON schema -> a grammar and a check, or refused
    compiler    a constraint + a tokenizer -> what the decode loop asks
    options     a closed choice as a tree of tokens

`decoding` has the loop that obeys them, and ends what was cut. Grammars run on llguidance
(https://github.com/guidance-ai/llguidance).
"""

from __future__ import annotations

from .answers import named
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
from .rating import Rating

__all__ = [
    "Choice",
    "Constraint",
    "Grammar",
    "Rating",
    "choices",
    "date",
    "integer",
    "json_schema",
    "lines",
    "named",
    "number",
    "regex",
    "yes_no",
]

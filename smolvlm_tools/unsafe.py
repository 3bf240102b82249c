"""Characters that nothing here writes: they steer a terminal or hide text.

Controls, and Unicode's bidirectional marks and overrides (UAX #9).
"""

from __future__ import annotations

import re

_ABOVE_ASCII = r"\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"

ON_A_LINE = rf"\x00-\x1f{_ABOVE_ASCII}"
"""Unsafe inside one line; to be put between the brackets of a regular expression."""

UNSAFE_CLASS = rf"\x00-\x08\x0b-\x1f{_ABOVE_ASCII}"
"""Unsafe in a text, which may have tabs and line feeds; to be put between brackets."""

UNSAFE = re.compile(f"[{UNSAFE_CLASS}]")

UNSAFE_ON_A_LINE = re.compile(f"[{ON_A_LINE}]")

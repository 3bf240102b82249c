"""A JSON schema → a grammar all of whose texts validate, or a refusal that names the keyword.

compile   the front door        reader   follows $ref, joins allOf, splits anyOf
keywords  what is understood    shapes   what a place may hold, as plain values
lark      shapes -> grammar     members, numbers, text, patterns   the parts of it
"""

from __future__ import annotations

from .compile import compile_json_schema

__all__ = ["compile_json_schema"]

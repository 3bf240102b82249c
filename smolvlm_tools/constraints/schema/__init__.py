"""A JSON schema → a grammar for llguidance's JSON compiler, and a check of what it lets through.

compile      the front door           plain    a bounded copy of the caller's schema
narrow       the schema, narrowed     place    $ref, and what allOf, anyOf, oneOf join
scalars      its numbers and strings  text     safe characters, formats
validation   a finished text → its value
"""

from __future__ import annotations

from .compile import JsonGrammar, compile_json_schema

__all__ = ["JsonGrammar", "compile_json_schema"]

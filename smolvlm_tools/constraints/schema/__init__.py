"""A JSON schema → a grammar for llguidance's own JSON compiler, and a check of what it lets through.

compile   the front door        plain       a bounded copy of the caller's schema
narrow    the schema, narrowed  combine     names that objects know of through $ref, allOf, …
text      safe strings, formats validation  a finished text → its value
"""

from __future__ import annotations

from .compile import JsonGrammar, compile_json_schema

__all__ = ["JsonGrammar", "compile_json_schema"]

"""A type of answer → the JSON schema that a server is asked to enforce, and back from its text.

Not all servers enforce a schema whose root is no object, so other answers are the one member of an
object. Lines of text need no schema: any text is a list of lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from ...constraints.answers import parse_answer
from ...constraints.kinds import LINES, Choice, Constraint, Grammar

MEMBER = "answer"
_OPENING = re.compile(rf'\s*\{{\s*"{MEMBER}"\s*:\s*')
_FENCE = "```"

_JOINING = frozenset({"allOf", "if", "not", "dependentSchemas", "dependencies"})
_OPENING_UP = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties"})


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """A type of answer, as it is asked for.

    Attributes:
        schema: that the server is to enforce; None where any text will do.
        wrapped: whether the value is the member of an object.
    """

    constraint: Constraint
    schema: Mapping[str, Any] | None
    wrapped: bool

    @property
    def least_tokens(self) -> int:
        return 1

    @property
    def is_lines(self) -> bool:
        return isinstance(self.constraint, Grammar) and self.constraint.name == LINES

    @classmethod
    def of(cls, answer: object) -> RemoteAnswer | None:
        """What `answer` asks for; None where any text will do. Raises as `parse_answer`."""
        constraint = parse_answer(answer)
        if constraint is None:
            return None
        if isinstance(constraint, Choice):
            texts = [text for text, _ in constraint.options]
            return cls(constraint, _wrapped({"type": "string", "enum": texts}), True)
        schema = constraint.schema
        if schema is None:
            return cls(constraint, None, False)
        plain = json.loads(json.dumps(schema, default=dict))  # mappings and tuples as JSON has them
        if isinstance(plain, dict) and plain.get("type") == "object":
            return cls(constraint, _closed(plain), False)
        return cls(constraint, _wrapped(_closed(plain)), True)


@dataclass(frozen=True, slots=True)
class Taken:
    """What of a server's text is the answer.

    Attributes:
        text: of the answer, as a local engine's `VisionResult.text` has it.
        start: where it begins in the server's text, in characters.
        as_json: whether it stands there in JSON.
        whole: whether all of it is there.
        in_form: whether it stands in the form that the schema asks for.
    """

    text: str
    start: int
    as_json: bool
    whole: bool
    in_form: bool = True


def take_answer(answer: RemoteAnswer, said: str) -> Taken:
    """Find the answer in what a server sent, whether it enforced the schema or not."""
    if answer.is_lines:
        lines = [line.replace("\t", " ").strip() for line in said.splitlines()]
        return Taken("\n".join(filter(None, lines)), 0, False, True)
    block = _code_block(said) if answer.schema is not None else None
    if block is not None:
        start, text = block
        inner = take_answer(answer, text)
        return replace(inner, start=inner.start + start, in_form=False)
    opening = _OPENING.match(said) if answer.wrapped else None
    if opening is None:
        start = len(said) - len(said.lstrip())
        is_json = isinstance(answer.constraint, Grammar) and answer.constraint.is_json
        whole = not is_json or _is_json(said)
        return Taken(said.strip(), start, is_json, whole, is_json and not answer.wrapped)
    start = opening.end()
    end = _end_of_value(said, start)
    value = said[start:end].rstrip()
    whole = end is not None and _is_json(said)
    if isinstance(answer.constraint, Grammar) and answer.constraint.is_json:
        return Taken(value, start, True, whole)
    return Taken(_string(value), start, True, whole)


def _code_block(said: str) -> tuple[int, str] | None:
    """Where what stands in a code block begins, and that; models write JSON so unless forced."""
    trimmed = said.rstrip()
    begin = len(trimmed) - len(trimmed.lstrip()) + len(_FENCE)
    end = len(trimmed) - len(_FENCE)
    if begin > end or not (trimmed[:begin].endswith(_FENCE) and trimmed.endswith(_FENCE)):
        return None
    inner = trimmed[begin:end].removeprefix("json")
    text = inner.lstrip()
    return end - len(text), text.rstrip()


def in_our_layout(document: str) -> str:
    """JSON text, or the beginning of one, laid out on one line as `json.dumps` does."""
    laid_out: list[str] = []
    for piece in re.finditer(r'"(?:[^"\\]|\\.)*(?:"|\\?$)|[,:]|[^\s",:]+', document, re.DOTALL):
        laid_out.append(f"{piece[0]} " if piece[0] in ",:" else piece[0])
    return "".join(laid_out).rstrip(" ")


def _closed(schema: Any) -> Any:
    """A schema whose objects have no members that it does not list, as it is enforced locally.

    Where schemas are joined it stays as it is: each part would forbid the members of the others.
    """
    return schema if _joins(schema) else _without_others(schema)


def _joins(schema: Any) -> bool:
    """Whether what an object may hold is said in several places."""
    if isinstance(schema, list):
        return any(map(_joins, cast("list[Any]", schema)))
    if not isinstance(schema, dict):
        return False
    members = cast("dict[str, Any]", schema)
    names = members.keys()
    beside = "properties" in names and names & {"anyOf", "oneOf", "$ref"}
    return bool(beside or names & _JOINING) or any(map(_joins, members.values()))


def _without_others(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_others(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = {name: _without_others(each) for name, each in cast("dict[str, Any]", schema).items()}
    if isinstance(members.get("properties"), dict) and not members.keys() & _OPENING_UP:
        members["additionalProperties"] = False
    return members


def _wrapped(schema: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {MEMBER: _with_moved_references(schema)},
        "required": [MEMBER],
        "additionalProperties": False,
    }


def _with_moved_references(schema: Any) -> Any:
    """A schema whose references to its own root lead to where the root is now."""
    if isinstance(schema, list):
        return [_with_moved_references(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    return {name: _moved(name, each) for name, each in members.items()}


def _moved(name: str, value: Any) -> Any:
    if name == "$ref" and isinstance(value, str) and (value == "#" or value.startswith("#/")):
        return f"#/properties/{MEMBER}{value[1:]}"
    return _with_moved_references(value)


def _end_of_value(text: str, start: int) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _string(value: str) -> str:
    """The text of a JSON string that may be cut."""
    for end in ("", '"'):
        try:
            found = json.loads(value + end)
        except ValueError:
            continue
        return found if isinstance(found, str) else value
    return value.removeprefix('"')

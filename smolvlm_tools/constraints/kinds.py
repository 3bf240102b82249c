"""The constraints: each a grammar or a closed choice, and how its text becomes a value.

Every grammar begins with one space, because that is how a reply begins after
"Assistant:" in SmolVLM's chat format; it is not part of the value.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..errors import BadOptions
from ..unsafe import ON_A_LINE, UNSAFE
from .schema.text import DATE, SAFE_INTEGER

LINES = "lines"
"""Name of the grammar of `lines`."""

_CHARACTER = f"[^{ON_A_LINE}]"
_INK = _CHARACTER.replace("[^", r"[^\s")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Texts of a grammar.

    Attributes:
        name: of the kind, for messages.
        lark: the grammar in llguidance's Lark form, with the leading space.
        parse: from an accepted text, without the space, to the value; ValueError refuses it.
        scalar: whether the value is one thing, whose probability is that of all its tokens.
        terminal: the expression that the value is a text of; None for a JSON document.
        unenforced: keywords of a JSON schema that only `parse` holds the text to.
        strings: JSON schemas, as text, of the document's strings that have to match patterns.
        schema: of the value, or of the text where it is no JSON document, for servers that enforce
            schemas themselves; None where there is none.
    """

    name: str
    lark: str
    parse: Callable[[str], Any] = field(compare=False)
    scalar: bool = True
    terminal: str | None = None
    unenforced: frozenset[str] = frozenset()
    strings: tuple[str, ...] = ()
    schema: Mapping[str, Any] | bool | None = field(default=None, compare=False)

    @property
    def is_json(self) -> bool:
        """Whether the text is a JSON document."""
        return self.terminal is None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several texts; the probability of each is computed.

    Attributes:
        name: of the kind, for messages.
        options: the texts and their values.
        mean: whether the values are numbers whose mean, by probability, is the answer's value.
    """

    name: str
    options: tuple[tuple[str, Any], ...]
    mean: bool = False

    def value(self, likeliest: int, probabilities: Iterable[float]) -> Any:
        """The answer's value: that of the likeliest option, or the mean of all."""
        if not self.mean:
            return self.options[likeliest][1]
        numbers = [number for _, number in self.options]
        mean = sum(p * number for p, number in zip(probabilities, numbers, strict=True))
        return min(max(mean, min(numbers)), max(numbers))  # whatever was rounded


Constraint: TypeAlias = Grammar | Choice


def yes_no() -> Choice:
    """The words yes and no; the value is a bool."""
    return Choice("yes/no", (("yes", True), ("no", False)))


def choices(options: Sequence[str] | Mapping[str, Any]) -> Choice:
    """One of `options`; of a mapping, the value is what the text stands for.

    Raises:
        BadOptions: none are given, or one is empty, doubled, or has white space at an end or
            control characters inside.
    """
    if isinstance(options, str):
        raise BadOptions(f"the choices are one text, {options!r}", "Pass a list of texts.")
    pairs = tuple(options.items() if isinstance(options, Mapping) else zip(options, options))  # noqa: B905
    if not pairs:
        raise BadOptions("there is nothing to choose from", "Give one choice or more.")
    for text, _ in pairs:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadOptions(f"the choice {text!r} is not text", "Pass a list of texts.")
        if not text or text != text.strip() or UNSAFE.search(text) or "\n" in text:
            raise BadOptions(
                f"{text!r} cannot be a choice",
                "Choices are not empty, without line breaks and without space at their ends.",
            )
    if len({text for text, _ in pairs}) < len(pairs):
        raise BadOptions("a choice is given twice", "Give each once.")
    return Choice("choice", pairs)


def integer(minimum: int | None = None, maximum: int | None = None) -> Grammar:
    """A whole number in decimal digits, within ±(2**53 - 1) unless other bounds are given."""
    return _json("integer", _bounded("integer", minimum, maximum), scalar=True)


def number(minimum: float | None = None, maximum: float | None = None) -> Grammar:
    """A decimal number, within ±(2**53 - 1) unless other bounds are given; the value is a float."""
    return _json("number", _bounded("number", minimum, maximum), float, scalar=True)


def date() -> Grammar:
    """A day of the calendar as YYYY-MM-DD; the value is a `datetime.date`."""
    read = datetime.date.fromisoformat
    return _terminal("date", f"/{DATE}/", read, {"type": "string", "format": "date"})


def regex(pattern: str) -> Grammar:
    r"""A text that `pattern` matches from its beginning to its end; the value is the text.

    The syntax is that of Rust's `regex` crate (https://docs.rs/regex), without look-around and back
    references; `\d`, `\w` and `\s` mean ASCII. Control and bidirectional characters never match.
    """
    from llguidance import regex_to_lark

    lark = regex_to_lark(pattern, use_ascii="dws")
    expression = rf"/{lark}/ & /(?:{_CHARACTER}|[\n\t])*/"
    return _terminal("regex", expression, str, {"type": "string", "pattern": f"^(?:{pattern})$"})


def lines() -> Grammar:
    """Lines of text, none empty; the value is a list of them without the space around each."""
    line = f"{_INK}(?:{_CHARACTER}*{_INK})?"
    return replace(_terminal(LINES, rf"/{line}(?:\n{line})*/", _split), scalar=False)


def json_schema(
    schema: Mapping[str, Any] | bool, parse: Callable[[str], Any] | None = None
) -> Grammar:
    """A JSON document that a schema allows, on one line.

    Args:
        schema: JSON Schema, draft 4 to 2020-12; see `schema.compile_json_schema`.
        parse: from the document, which the schema allows, to the value; None for plain data.

    Raises:
        SchemaNotSupported: it cannot be enforced; `keyword` says what of it.
    """
    return _json("JSON", schema, parse, scalar=False)


def _json(
    name: str,
    schema: Mapping[str, Any] | bool,
    parse: Callable[[str], Any] | None = None,
    *,
    scalar: bool,
) -> Grammar:
    from .schema import compile_json_schema

    compiled = compile_json_schema(schema)

    def read(text: str) -> Any:
        value = compiled.read(text)
        return parse(text) if parse else value

    unenforced, strings = compiled.unenforced, compiled.strings
    return Grammar(name, compiled.lark, read, scalar, None, unenforced, strings, schema)


def _bounded(kind: str, minimum: float | None, maximum: float | None) -> dict[str, Any]:
    low = -SAFE_INTEGER if minimum is None else minimum
    high = SAFE_INTEGER if maximum is None else maximum
    if low > high:
        raise BadOptions(f"no {kind} lies between {low} and {high}", "Give minimum <= maximum.")
    return {"type": kind, "minimum": low, "maximum": high}


def _split(text: str) -> list[str]:
    return text.split("\n") if text else []


def _terminal(
    name: str,
    expression: str,
    parse: Callable[[str], Any],
    schema: Mapping[str, Any] | None = None,
) -> Grammar:
    lark = f'start: " " VALUE\nVALUE: {expression}\n'
    return Grammar(name, lark, parse, terminal=expression, schema=schema)

r"""A JSON Schema `pattern` → a regular expression over the JSON text of the strings it finds.

JSON Schema's patterns are ECMA 262 and are searched, not
matched (draft 2020-12, validation, 6.3.3); validators in Python run them on `re`. What is written
here is the part on which both agree: where `\d` means different characters the narrower set is
taken, so every text that the result accepts is one that either dialect finds the pattern in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ...unsafe import ON_A_LINE

PLAIN = rf'[^"\\{ON_A_LINE}]'
"""One character that stands for itself in a JSON string."""
CHARACTER = rf'(?:{PLAIN}|\\["\\nt])'
"""One character of a string in the only form in which it is written."""

_ESCAPED = {'"': r"\\\"", "\\": r"\\\\", "\n": r"\\n", "\t": r"\\t"}
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
# a category's characters: surely in it (either dialect), perhaps in it (one of them)
_SURE = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r" \t\n\r\x0b\x0c",
    "D": r"\P{Nd}",
    "W": r"\x00-\x2f:-@\[-\^`{-\x7f",
    "S": r"\S",
}
_PERHAPS = {
    "d": r"\p{Nd}",
    "w": r"\p{L}\p{N}\p{M}_",
    "s": r"\s\x1c-\x1f\u{feff}",
    "D": "^0-9",
    "W": "^A-Za-z0-9_",
    "S": r"^ \t\n\r\x0b\x0c",
}
_MEMBERS = {"d": "", "w": "", "s": "\n\t", "D": '"\\\n\t', "W": '"\\\n\t', "S": '"\\'}
_MOST = 2000
"""Elements that repetitions may multiply to."""


class PatternError(ValueError):
    """A pattern that is outside of what both dialects share, or cannot be written."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One character, as a regular expression over its JSON text."""

    regex: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^` or `$`."""

    sign: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`node`, `times` times: "*", "+", "?" or "{m,n}"."""

    node: Node
    times: str


Node: TypeAlias = Atom | Anchor | Sequence | Choice | Repeat


def pattern_regex(pattern: str) -> str:
    """The JSON texts, without quotes, of the strings in which `pattern` is found.

    Returns:
        In the syntax of Rust's regex crate, to be matched from beginning to end.

    Raises:
        PatternError: look-around, back references, flags, categories of one dialect, anchors in
            the middle, characters that no answer may contain, or too many repetitions.
    """
    return _search(_Parser(pattern).parse())


def _search(node: Node) -> str:
    if isinstance(node, Choice):
        return "(?:" + "|".join(_search(item) for item in node.items) + ")"
    items = list(node.items) if isinstance(node, Sequence) else [node]
    if len(items) == 1 and isinstance(items[0], (Choice, Sequence)):
        return _search(items[0])
    begins = bool(items) and items[0] == Anchor("^")
    items = items[1:] if begins else items
    ends = bool(items) and items[-1] == Anchor("$")
    items = items[:-1] if ends else items
    body = "".join(_exact(item) for item in items)
    anything = f"{CHARACTER}*"
    return ("" if begins else anything) + body + ("" if ends else anything)


def _exact(node: Node) -> str:
    if isinstance(node, Atom):
        return node.regex
    if isinstance(node, Sequence):
        return "(?:" + "".join(_exact(item) for item in node.items) + ")"
    if isinstance(node, Choice):
        return "(?:" + "|".join(_exact(item) for item in node.items) + ")"
    if isinstance(node, Repeat):
        return f"(?:{_exact(node.node)}){node.times}"
    raise PatternError(f"{node.sign!r} in the middle")


class _Parser:
    """Recursive descent over the pattern's characters."""

    def __init__(self, pattern: str) -> None:
        self._text, self._at = pattern, 0

    def parse(self) -> Node:
        node, _ = self._choice()
        if self._at < len(self._text):
            raise PatternError("an unbalanced ')'")
        return node

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        self._at += len(text) if found else 0
        return found

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise PatternError("it ends too soon")
        self._at += 1
        return self._text[self._at - 1]

    def _choice(self) -> tuple[Node, int]:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        size = sum(size for _, size in branches)
        nodes = tuple(node for node, _ in branches)
        return (nodes[0] if len(nodes) == 1 else Choice(nodes)), size

    def _sequence(self) -> tuple[Node, int]:
        items: list[Node] = []
        total = 0
        while self._at < len(self._text) and not (self._peek("|") or self._peek(")")):
            node, size = self._repeated()
            items.append(node)
            total += size
        return Sequence(tuple(items)), max(total, 1)

    def _repeated(self) -> tuple[Node, int]:
        node, size = self._element()
        times, most = self._times()
        if not times:
            return node, size
        self._take("?")  # lazy: the same texts
        if isinstance(node, Anchor) or self._text[self._at : self._at + 1] in ("*", "+"):
            raise PatternError(f"a repetition of {times!r}")
        if size * most > _MOST:
            raise PatternError(f"repetitions of more than {_MOST} elements")
        return Repeat(node, times), size * most

    def _times(self) -> tuple[str, int]:
        for sign in "*+?":
            if self._take(sign):
                return sign, 1
        if not self._peek("{"):
            return "", 1
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : max(end, 0)].partition(",")
        if not (low.isdecimal() and (low + high).isascii()) or (high and not high.isdecimal()):
            raise PatternError("a '{' that begins no repetition; write \\{")
        if len(low + high) > 12 or (high and int(high) < int(low)):
            raise PatternError(f"the repetition {self._text[self._at : end + 1]!r}")
        self._at = end + 1
        return f"{{{low}{comma}{high}}}", max(int(high or low), 1)

    def _element(self) -> tuple[Node, int]:
        sign = self._next()
        if sign in "^$":
            return Anchor(sign), 1
        if sign == ".":
            return Atom(_characters("^", [("\n", "\n"), ("\r", "\r"), ("\u2028", "\u2029")], "")), 1
        if sign == "[":
            return Atom(self._class()), 1
        if sign == "(":
            return self._group()
        if sign in "*+?{}])":
            raise PatternError(f"a lone {sign!r}")
        if sign == "\\":
            letter = self._next()
            if letter in _SURE:
                return Atom(_characters("", [], letter)), 1
            sign = self._escape(letter)
        return Atom(_characters("", [(sign, sign)], "")), 1

    def _group(self) -> tuple[Node, int]:
        if self._take("?P<") or (self._peek("?<") and self._text[self._at + 2 :][:1] not in "=!"):
            self._at = self._text.find(">", self._at) + 1 or len(self._text)
        elif self._peek("?") and not self._take("?:"):
            raise PatternError(f"look-around or flags, {self._text[self._at - 1 :][:4]!r}")
        node, size = self._choice()
        if not self._take(")"):
            raise PatternError("an unbalanced '('")
        return node, size

    def _escape(self, letter: str) -> str:
        if letter in "xu":
            width = 2 if letter == "x" else 4
            digits = self._text[self._at : self._at + width]
            if len(digits) < width or any(c not in "0123456789abcdefABCDEF" for c in digits):
                raise PatternError(f"the escape \\{letter}{digits}")
            self._at += width
            return chr(int(digits, 16))
        if letter in _LETTERS:
            return _LETTERS[letter]
        if letter.isalnum() or not letter.isascii():
            raise PatternError(f"\\{letter}")
        return letter

    def _class(self) -> str:
        negated = "^" if self._take("^") else ""
        ranges: list[tuple[str, str]] = []
        categories = ""
        if self._peek("]"):
            raise PatternError("an empty class")
        while not self._take("]"):
            low = self._member()
            if len(low) == 2:
                categories += low[1]
            elif self._peek("-") and not self._peek("-]"):
                self._at += 1
                high = self._member()
                if len(high) == 2 or high < low:
                    raise PatternError(f"the range {low}-{high}")
                ranges.append((low, high))
            else:
                ranges.append((low, low))
        return _characters(negated, ranges, categories)

    def _member(self) -> str:
        """A character, or a backslash and the letter of a category."""
        sign = self._next()
        if sign == "[":
            raise PatternError("'[' in a class; write \\[")
        if sign != "\\":
            return sign
        letter = self._next()
        if letter == "b":
            return "\b"
        return sign + letter if letter in _SURE else self._escape(letter)


def _characters(negated: str, ranges: list[tuple[str, str]], categories: str) -> str:
    """A set of characters → a regular expression over the JSON text of one of them."""
    table = _PERHAPS if negated else _SURE
    parts = [f"[{table[letter]}]" for letter in categories]
    parts += [f"[{_code(low)}-{_code(high)}]" for low, high in ranges]
    found = [rf"[{negated}{''.join(parts)}]&&{PLAIN}"]
    forms = [
        form
        for character, form in _ESCAPED.items()
        if bool(negated) != _among(character, ranges, categories)
    ]
    return "(?:" + "|".join([f"[{found[0]}]", *forms]) + ")"


def _among(character: str, ranges: list[tuple[str, str]], categories: str) -> bool:
    return any(low <= character <= high for low, high in ranges) or any(
        character in _MEMBERS[letter] for letter in categories
    )


def _code(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        raise PatternError("half of a surrogate pair")
    return rf"\u{{{ord(character):x}}}"

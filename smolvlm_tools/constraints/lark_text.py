"""The text of a Lark grammar → its rules as trees.

It reads the syntax that this package writes, a part of llguidance's Lark form
(https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md): rules, strings, terminals of
regular expressions, groups, `?`, `*`, `+`, `{m,n}` and `%json` for scalars. Terminals do not refer
to one another.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Word:
    """These bytes."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Terminal:
    """A member of a regular expression, or of `%json`."""

    expression: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Another rule."""

    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """`tree` from `low` to `high` times, or any number more."""

    tree: Tree
    low: int
    high: int | None


Tree: TypeAlias = Word | Terminal | Reference | Row | Either | Times

_RULE = re.compile(r"([A-Za-z_]\w*)\s*:\s*(.+)")
_STRING = r'"(?:\\.|[^"\\])*"'
_REGEX = r"/(?:\\.|[^/\\])+/"
_PIECE = re.compile(
    rf"\s*(?:({_STRING})|({_REGEX})|([A-Za-z_]\w*)|(%json)|([()|?*+&~])|(\{{[\d,]+\}}))"
)
_PLAIN_STRINGS = re.compile(rf"{_STRING}(?: \| {_STRING})*")


class NotUnderstood(ValueError):
    """A grammar outside of the part that is known here."""


def read_rules(grammar: str) -> dict[str, Tree]:
    """Every rule of a grammar by its name.

    Raises:
        NotUnderstood: it uses more of the syntax.
    """
    rules: dict[str, Tree] = {}
    for line in filter(None, grammar.splitlines()):
        match = _RULE.fullmatch(line)
        if match is None:
            raise NotUnderstood(line[:80])
        name, right = match[1], match[2]
        if name[0].isupper() and not _PLAIN_STRINGS.fullmatch(right):
            rules[name] = Terminal(right)
        else:
            rules[name] = _Parser(right).parse()
    return rules


class _Parser:
    """Recursive descent over the right side of a rule."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text.rstrip(), 0

    def parse(self) -> Tree:
        tree = self._either()
        if self._at < len(self._text):
            raise NotUnderstood(self._text[self._at :][:80])
        return tree

    def _peek(self) -> re.Match[str] | None:
        return _PIECE.match(self._text, self._at)

    def _either(self) -> Tree:
        items = [self._row()]
        while (piece := self._peek()) is not None and piece[5] == "|":
            self._at = piece.end()
            items.append(self._row())
        return items[0] if len(items) == 1 else Either(tuple(items))

    def _row(self) -> Tree:
        items: list[Tree] = []
        while (piece := self._peek()) is not None and piece[5] not in ("|", ")"):
            self._at = piece.end()
            items.append(self._counted(self._one(piece)))
        return items[0] if len(items) == 1 else Row(tuple(items))

    def _one(self, piece: re.Match[str]) -> Tree:
        if piece[1]:
            return Word(json.loads(piece[1]).encode())
        if piece[2]:
            return Terminal(piece[2])
        if piece[3]:
            return Reference(piece[3])
        if piece[4]:
            start = self._at + 1
            _, end = json.JSONDecoder().raw_decode(self._text, start)
            self._at = end
            return Terminal(f"%json {self._text[start:end]}")
        if piece[5] == "(":
            tree = self._either()
            closing = self._peek()
            if closing is not None and closing[5] == ")":
                self._at = closing.end()
                return tree
        raise NotUnderstood(self._text[piece.start() :][:80])

    def _counted(self, tree: Tree) -> Tree:
        piece = self._peek()
        if piece is None:
            return tree
        if piece[5] in ("?", "*", "+"):
            self._at = piece.end()
            return Times(tree, int(piece[5] == "+"), 1 if piece[5] == "?" else None)
        if piece[6]:
            self._at = piece.end()
            low, comma, high = piece[6][1:-1].partition(",")
            return Times(tree, int(low or 0), (int(high) if high else None) if comma else int(low))
        return tree

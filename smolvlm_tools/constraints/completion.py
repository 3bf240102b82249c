"""The shortest end of an answer that was cut.

The answer so far is read along the grammar's rules, every way it can be read; what each way still
has to write is known exactly: the rest of the terminal it stands in, and the shortest text of every
rule that comes after.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from ..errors import SchemaNotSupported
from .expressions import ends, shortest_member
from .lark_text import (
    Either,
    NotUnderstood,
    Reference,
    Row,
    Terminal,
    Times,
    Tree,
    Word,
    read_rules,
)

Stack: TypeAlias = "tuple[Tree, Stack] | None"
"""What is still to be read, the next first."""

_MOST_STEPS = 400_000
_LONGEST = 1 << 15
"""Bytes that a shortest text may have."""
_NOTHING = Word(b"")


def shortest_completion(grammar: str, so_far: bytes) -> bytes:
    """The fewest bytes after which `so_far` is a whole text of the grammar.

    Args:
        grammar: in llguidance's Lark form, of this package's making.
        so_far: the beginning of a text of the grammar; may end inside of a UTF-8 character.

    Returns:
        The bytes; none where `so_far` is whole. In a string the fewest characters.

    Raises:
        SchemaNotSupported: `so_far` begins no text of the grammar, or the grammar is too complex.
    """
    try:
        return _Completer(grammar, so_far).shortest()
    except NotUnderstood as error:
        raise _failed(f"the grammar cannot be completed ({error})") from None


class _Completer:
    def __init__(self, grammar: str, so_far: bytes) -> None:
        self._rules, self._shortest = _known(grammar)
        self._so_far = so_far
        self._best: bytes | None = None
        self._ends: dict[tuple[str, int], tuple[list[int], bool]] = {}
        self._interned: dict[tuple[int | None, ...], Stack] = {}

    def shortest(self) -> bytes:
        """Follow every way in which the text can be read."""
        waiting: list[tuple[int, Stack]] = [(0, (Reference("start"), None))]
        seen: set[tuple[int, int]] = set()
        steps = 0
        while waiting:
            at, stack = waiting.pop()
            if at == len(self._so_far):
                self._offer(b"", stack)
            elif stack is not None and (at, id(stack)) not in seen:
                seen.add((at, id(stack)))
                waiting += self._step(at, *stack)
            steps += 1
            if steps > _MOST_STEPS:
                raise _failed("the grammar has too many ways to read the answer")
        if self._best is None:
            if not self._so_far:
                raise _failed(f"no text of the grammar of at most {_LONGEST} bytes was found")
            raise _failed(f"{self._so_far[-40:]!r} begins no text of the grammar")
        return self._best

    def _step(self, at: int, tree: Tree, rest: Stack) -> list[tuple[int, Stack]]:
        """Read the next part; where the text ends inside of it, offer what it lacks."""
        if isinstance(tree, Reference):
            return [(at, self._push(self._rules[tree.name], rest))]
        if isinstance(tree, Either):
            return [(at, self._push(item, rest)) for item in tree.items]
        if isinstance(tree, Row):
            for item in reversed(tree.items):
                rest = self._push(item, rest)
            return [(at, rest)]
        if isinstance(tree, Times):
            return self._times(at, tree, rest)
        if isinstance(tree, Word):
            given = self._so_far[at : at + len(tree.text)]
            if given == tree.text:
                return [(at + len(given), rest)]
            if tree.text.startswith(given) and at + len(given) == len(self._so_far):
                self._offer(tree.text[len(given) :], rest)
            return []
        key = (tree.expression, at)
        if key not in self._ends:
            self._ends[key] = ends(tree.expression, self._so_far, at)
        found, goes_on = self._ends[key]
        if goes_on:
            ending = shortest_member(tree.expression, self._so_far[at:])
            if ending is not None:
                self._offer(ending, rest)
        return [(end, rest) for end in found]

    def _times(self, at: int, tree: Times, rest: Stack) -> list[tuple[int, Stack]]:
        most = None if tree.high is None else tree.high - 1
        found: list[tuple[int, Stack]] = [] if tree.low else [(at, rest)]
        if most is None or most >= 0:
            again = Times(tree.tree, max(0, tree.low - 1), most)
            found.append((at, self._push(tree.tree, self._push(again, rest))))
        return found

    def _push(self, tree: Tree, rest: Stack) -> Stack:
        """The same object for the same stack, so that ways that meet again are followed once."""
        what = (id(tree.tree), tree.low, tree.high) if isinstance(tree, Times) else (id(tree),)
        key = (*what, id(rest))
        if key not in self._interned:
            self._interned[key] = (tree, rest)
        return self._interned[key]

    def _offer(self, ending: bytes, stack: Stack) -> None:
        while stack is not None:
            if self._best is not None and len(ending) >= len(self._best):
                return
            tree, stack = stack
            text = self._shortest.text(tree)
            if text is None:
                return
            ending += text
        if self._best is None or len(ending) < len(self._best):
            self._best = ending


class _Shortest:
    """The shortest texts of a grammar's rules, each found when it is asked for."""

    def __init__(self, rules: dict[str, Tree]) -> None:
        self._rules = rules
        self._known: dict[str, bytes | None] = {}

    def text(self, tree: Tree) -> bytes | None:
        """The shortest text of a tree; None where it has none."""
        path = list(_needed(tree))  # rules may refer to one another in a long row: no recursion
        begun: set[str] = set()
        while path:
            name = path[-1]
            begun.add(name)
            missing = [
                other
                for other in _needed(self._rules[name])
                if other not in self._known and other not in begun
            ]
            path += missing
            if not missing:
                self._known[path.pop()] = self._text(self._rules[name])
        return self._text(tree)

    def _text(self, tree: Tree) -> bytes | None:
        if isinstance(tree, Word):
            return tree.text
        if isinstance(tree, Terminal):
            return shortest_member(tree.expression)
        if isinstance(tree, Reference):
            return self._known.get(tree.name)
        if isinstance(tree, Times):
            text = self._text(tree.tree) if tree.low else b""
            if text is None or len(text) * tree.low > _LONGEST:
                return None
            return text * tree.low
        if isinstance(tree, Either) and _NOTHING in tree.items:
            return b""
        texts = [self._text(item) for item in tree.items]
        found = [text for text in texts if text is not None]
        if isinstance(tree, Row):
            whole = len(found) == len(texts) and sum(map(len, found)) <= _LONGEST
            return b"".join(found) if whole else None
        return min(found, key=len, default=None)


def _needed(tree: Tree) -> Iterator[str]:
    """Rules on whose shortest texts that of a tree depends."""
    if isinstance(tree, Reference):
        yield tree.name
    elif isinstance(tree, Times):
        yield from _needed(tree.tree) if tree.low else ()
    elif isinstance(tree, Row) or (isinstance(tree, Either) and _NOTHING not in tree.items):
        for item in tree.items:
            yield from _needed(item)


@lru_cache(maxsize=8)
def _known(grammar: str) -> tuple[dict[str, Tree], _Shortest]:
    rules = read_rules(grammar)
    return rules, _Shortest(rules)


def _failed(reason: str) -> SchemaNotSupported:
    return SchemaNotSupported(reason, "Use a simpler schema or pattern.", "grammar")

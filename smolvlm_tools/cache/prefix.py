"""Keys and values of prompt beginnings in a radix tree, so that what prompts share is kept once.

Each node holds a run of identities and the keys and values of these positions; its children go on
differently (the structure of SGLang's RadixAttention). Lookups and eviction work on whole runs,
least recently used leaves first. Arrays are never written to, so a reader may keep them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..arrays import KVBlock

Identity = NDArray[np.int64]
"""(L,) numbers from `Identities`."""

ReadBlock = Callable[[int, int], KVBlock]
"""Copies the keys and values of positions [start, stop) out of a sequence."""


class RadixNode:
    """A run of positions; the root's is empty.

    `stored` is what its array keeps in memory: more than its own bytes where a split left it a
    view of what was there before.
    """

    __slots__ = ("block", "children", "identity", "parent", "stored", "used")

    def __init__(self, identity: Identity, block: KVBlock, parent: RadixNode | None) -> None:
        self.identity = identity
        self.block = block
        self.parent = parent
        self.children: dict[int, RadixNode] = {}
        self.stored = 0 if block is None else block.nbytes
        self.used = 0


class PrefixCache:
    """Keeps at most `limit` bytes of keys and values. Not thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._root = RadixNode(np.empty(0, np.int64), None, None)
        self._clock = itertools.count(1)
        self.nbytes = 0

    def match(self, identity: Identity) -> list[KVBlock]:
        """Blocks that together cover the longest kept beginning of `identity`."""
        node, blocks = self._root, []
        while len(identity) and (child := node.children.get(int(identity[0]))):
            shared = shared_length(child.identity, identity)
            child.used = next(self._clock)
            blocks.append(child.block[:, :, :shared])
            if shared < len(child.identity):
                break
            node, identity = child, identity[shared:]
        return blocks

    def insert(self, identity: Identity, read: ReadBlock) -> None:
        """Keep the part of a sequence that is not kept yet.

        A sequence above the bound is not kept: it would push out everything else, and still be
        read again in part.
        """
        if not self._limit:
            return
        node, start = self._root, 0
        while start < len(identity):
            child = node.children.get(int(identity[start]))
            if child is None:
                self._append(node, identity, start, read)
                return
            shared = shared_length(child.identity, identity[start:])
            if shared < len(child.identity) and start + shared < len(identity):
                child = self._split(child, shared)
            child.used = next(self._clock)
            node, start = child, start + shared

    def clear(self) -> None:
        self._root.children.clear()
        self.nbytes = 0

    def _append(self, node: RadixNode, identity: Identity, start: int, read: ReadBlock) -> None:
        per_token = read(start, start + 1).nbytes
        if len(identity) * per_token > self._limit:
            return
        kept = set(_path(node))
        wanted = (len(identity) - start) * per_token
        while self.nbytes + wanted > self._limit and (leaf := self._oldest_leaf(kept)):
            self._drop(leaf)
        child = RadixNode(identity[start:].copy(), read(start, len(identity)), node)
        child.used = next(self._clock)
        node.children[int(identity[start])] = child
        self.nbytes += child.stored

    def _split(self, node: RadixNode, at: int) -> RadixNode:
        """Cut a run in two; returns the first, the parent of the other.

        The first gets an array of its own. So does the other where it is the smaller part; else it
        goes on as a view, because copying most of a page would need it twice for a moment.
        """
        parent = node.parent
        assert parent is not None
        head = RadixNode(node.identity[:at], _copy(node.block[:, :, :at]), parent)
        parent.children[int(head.identity[0])] = head
        tail = node.block[:, :, at:]
        if 2 * tail.nbytes < node.stored:
            tail = _copy(tail)
            self.nbytes += tail.nbytes - node.stored
            node.stored = tail.nbytes
        self.nbytes += head.stored
        node.identity, node.block, node.parent = node.identity[at:], tail, head
        head.children[int(node.identity[0])] = node
        return head

    def _oldest_leaf(self, kept: set[RadixNode]) -> RadixNode | None:
        leaves = (node for node in self._nodes() if not node.children and node not in kept)
        return min(leaves, key=lambda node: node.used, default=None)

    def _drop(self, leaf: RadixNode) -> None:
        assert leaf.parent is not None
        del leaf.parent.children[int(leaf.identity[0])]
        self.nbytes -= leaf.stored

    def _nodes(self) -> Iterator[RadixNode]:
        open_nodes = list(self._root.children.values())
        while open_nodes:
            node = open_nodes.pop()
            open_nodes.extend(node.children.values())
            yield node


def _path(node: RadixNode | None) -> Iterator[RadixNode]:
    while node is not None:
        yield node
        node = node.parent


def shared_length(one: Identity, other: Identity) -> int:
    """Length of the common beginning."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _copy(block: KVBlock) -> KVBlock:
    return block.clone() if hasattr(block, "clone") else block.copy()

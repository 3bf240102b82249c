"""The probability of every option of a closed choice; knows a tokenizer and logits.

The options' tokens form a tree. Its root's logits are those after the prompt; every other inner
node is a prefix of some option and takes one forward pass. An option's probability is the product
of its tokens' along the way, divided by the sum of all options'. An option that is the beginning of
another ends where none of the longer ones goes on.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer

from ..arrays import Logits
from ..backends.base import KVCache
from ..decoding.clock import StageClock
from ..engine.scheduler import CheckCancelled, NextToken
from ..errors import ModelInvalid
from ..prompt.chat import encode_text
from .kinds import Choice


@dataclass(slots=True)
class Node:
    """A prefix of options.

    Attributes:
        children: what may follow, by token.
        option: index of the option that may end here; None where none does.
    """

    children: dict[int, Node] = field(default_factory=dict["int", "Node"])
    option: int | None = None


@dataclass(frozen=True, slots=True)
class OptionTree:
    """The options of a choice as tokens.

    Attributes:
        choice: the options.
        root: of the tree, with every spelling of every option.
        paths: tokens of each option as it was given.
        depth: most tokens of one spelling.
    """

    choice: Choice
    root: Node
    paths: tuple[tuple[int, ...], ...]
    depth: int

    @classmethod
    def of(cls, choice: Choice, tokenizer: Tokenizer) -> OptionTree:
        """Tokenize the options.

        Raises:
            BadPrompt: the vocabulary cannot represent one.
        """
        texts = [text for text, _ in choice.options]
        paths = tuple(tuple(encode_text(tokenizer, f" {text}")) for text in texts)
        root = Node()
        for index, path in enumerate(paths):
            _add(root, path, index)
        depth = max(map(len, paths))
        for index, text in enumerate(texts):
            for spelling in {text[:1].upper() + text[1:], text.lower()} - set(texts):
                path = encode_text(tokenizer, f" {spelling}")
                _add(root, path, index)
                depth = max(depth, len(path))
        return cls(choice, root, paths, depth)


def _add(root: Node, path: list[int] | tuple[int, ...], option: int) -> None:
    node = root
    for token in path:
        node = node.children.setdefault(token, Node())
    if node.option is None:  # what was given as it stands comes first
        node.option = option


class Truncate(Protocol):
    """Forgets a cache's last tokens."""

    def __call__(self, cache: Any, length: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """The outcome.

    Attributes:
        option: index of the likeliest option.
        probabilities: of all options; they sum to 1.
    """

    option: int
    probabilities: tuple[float, ...]


def weigh_options(
    tree: OptionTree,
    logits: Logits,
    cache: KVCache,
    truncate: Truncate,
    check_cancelled: CheckCancelled,
    clock: StageClock,
) -> Generator[NextToken, Any, Chosen]:
    """Compute every option's probability.

    Args:
        tree: the options.
        logits: (vocab,) after the prompt.
        cache: holds the prompt, and again when this is done; has room for `tree.depth` tokens.
        truncate: of the backend.
        check_cancelled: called before every forward pass.
        clock: counts the time as that of decoding.
    """
    scores = np.full(len(tree.choice.options), -np.inf)

    def add(option: int, score: float) -> None:
        scores[option] = np.logaddexp(scores[option], score)

    def visit(node: Node, logits: Logits, score: float) -> Generator[NextToken, Any, None]:
        logprobs = _log_softmax(logits)
        if node.option is not None:
            going_on = sum(math.exp(logprobs[token]) for token in node.children)
            add(node.option, score + math.log(max(1 - going_on, 1e-12)))
        for token, child in node.children.items():
            reached = score + float(logprobs[token])
            if not child.children:
                if child.option is not None:
                    add(child.option, reached)
                continue
            check_cancelled()
            length = cache.length
            with clock.stage("decode"):
                after = yield NextToken(token, cache)
            yield from visit(child, after, reached)
            truncate(cache, length)

    yield from visit(tree.root, logits, 0.0)
    weights = np.exp(scores - scores.max())
    probabilities = weights / weights.sum()
    return Chosen(int(probabilities.argmax()), tuple(map(float, probabilities)))


def _log_softmax(logits: Logits) -> np.ndarray[Any, np.dtype[np.float64]]:
    peak = float(logits.max())
    if not np.isfinite(peak):
        raise ModelInvalid(
            "the model produced logits that are not numbers",
            "The weights are damaged or overflow in this precision: try precision='fp32'.",
        )
    shifted = logits.astype(np.float64) - peak
    return shifted - np.log(np.exp(shifted).sum())

"""The probability of every option of a closed choice.

The options' tokens form a tree. Its root's logits are those after the prompt; every other inner
node is a prefix of some option and takes one forward pass. An option's probability is the product
of its tokens' along the way, divided by the sum of all options'. An option that is the beginning of
another ends where none of the longer ones goes on.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, Protocol

import numpy as np

from ..arrays import Logits
from ..constraints.options import OptionNode, OptionTree
from .protocol import NextToken
from .running import RunningReply
from .sampling import log_softmax
from .spoken import Chosen


class Truncate(Protocol):
    """Forgets a cache's last tokens."""

    def __call__(self, cache: Any, length: int) -> None: ...


def weigh_options(
    tree: OptionTree, logits: Logits, truncate: Truncate, reply: RunningReply
) -> Generator[NextToken, Any, Chosen]:
    """Compute every option's probability.

    Args:
        logits: (vocab,) after the prompt.
        reply: its cache holds the prompt, and again when this is done; has room for `tree.depth`
            tokens.
    """
    cache = reply.cache
    scores = np.full(len(tree.choice.options), -np.inf)

    def add(option: int, score: float) -> None:
        scores[option] = np.logaddexp(scores[option], score)

    def visit(node: OptionNode, logits: Logits, score: float) -> Generator[NextToken, Any, None]:
        logprobs = log_softmax(logits)
        if node.option is not None:
            going_on = sum(math.exp(logprobs[token]) for token in node.children)
            add(node.option, score + math.log(max(1 - going_on, 1e-12)))
        for token, child in node.children.items():
            reached = score + float(logprobs[token])
            if not child.children:
                if child.option is not None:
                    add(child.option, reached)
                continue
            reply.check_cancelled()
            length = cache.length
            with reply.clock.stage("decode"):
                (after,) = yield NextToken(token, cache)
            yield from visit(child, after, reached)
            truncate(cache, length)

    yield from visit(tree.root, logits, 0.0)
    weights = np.exp(scores - scores.max())
    probabilities = weights / weights.sum()
    return Chosen(int(probabilities.argmax()), tuple(map(float, probabilities)))

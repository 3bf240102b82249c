"""What passes between a reply in the making, the scheduler that drives it and its caller."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..backends.base import KVCache
from ..types import FinishReason, StreamChunk


@dataclass(frozen=True, slots=True, eq=False)
class NextToken:
    """What a reply waits for while it decodes: the logits after `token_id` is put in `cache`.

    Attributes:
        guesses: tokens that may come next. Where this reply steps alone they are put in the cache,
            too, and the logits after each are answered; else they are left out.
    """

    token_id: int
    cache: KVCache
    guesses: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token.

    Attributes:
        logprob: its natural log-probability, before temperature; under a constraint, among the
            tokens it allows.
        text: what became certain with it.
        finish_reason: why the reply ends here; None while it goes on.
        forced: whether a constraint left no other token.
        margin: of a constrained choice, the natural logarithm of how much likelier the token was
            than the likeliest other one.
    """

    token_id: int
    logprob: float
    text: str
    finish_reason: FinishReason | None
    forced: bool = False
    margin: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What a reply waits for while a unit of its preparation is done on another thread.

    Nobody else is prepared meanwhile, as with every unit. `done` ends by itself once the reply is
    no longer wanted.
    """

    done: Future[Any]


ReplySteps: TypeAlias = Generator["NextToken | Unit | Future[Any] | None", Any, StreamChunk]
"""A reply in the making. It yields None after each unit of preparation, which bounds how long the
others wait, or a `Unit` while others can go on beside it; a future while it waits for that, beside
any number of others; and `NextToken` for each decode step, which is answered with logits (1 or
1 + guesses, vocab). It returns its last chunk; the others it delivers itself."""

Deliver: TypeAlias = Callable[[StreamChunk], None]
"""Hands a chunk to the caller."""

CheckCancelled: TypeAlias = Callable[[], None]
"""Raises when the caller no longer wants the reply."""

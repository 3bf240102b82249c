"""The one decode loop of all local backends: sample → stop → stream → next.

Knows logits, options and text; not which backend computes, what was asked, or who shares a step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from .backends.base import KVCache, Logits
from .chat import Prompt
from .clock import StageClock
from .errors import BadPrompt
from .repetition import RepetitionGuard
from .sampling import Sampler
from .scheduler import CheckCancelled, NextToken
from .text_stream import TextStream
from .types import FinishReason, GenerationOptions


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token.

    Attributes:
        token_id: the token.
        logprob: its natural log-probability, before temperature.
        text: what became certain with it.
        finish_reason: why the reply ends here; None while it goes on.
    """

    token_id: int
    logprob: float
    text: str
    finish_reason: FinishReason | None


def token_budget(prompt: Prompt, options: GenerationOptions, context_length: int) -> int:
    """How many tokens may be generated: what was asked for, or what the context has room for.

    Raises:
        BadPrompt: the prompt alone fills the context.
    """
    room = context_length - len(prompt.token_ids)
    if room < 1:
        raise BadPrompt(
            f"the prompt is {len(prompt.token_ids)} tokens long and the model's context "
            f"{context_length}",
            "Shorten the text, send fewer images, or lower `resolution`.",
        )
    return min(options.max_new_tokens, room)


def decode(
    logits: Logits,
    cache: KVCache,
    tokenizer: Tokenizer,
    options: GenerationOptions,
    *,
    max_new_tokens: int,
    end_ids: Collection[int],
    check_cancelled: CheckCancelled,
    clock: StageClock,
    emit: Callable[[Step], None],
) -> Generator[NextToken, Any, None]:
    """Generate one reply, one `Step` per token, the end-of-utterance token included.

    `logits` are those after the prompt, which `cache` holds; `emit` gets every step, and the last
    one has a `finish_reason`.
    """
    sampler = Sampler(options)
    guard = RepetitionGuard() if options.repetition_guard else None
    text = TextStream(tokenizer, options.stop)

    for position in range(1, max_new_tokens + 1):
        check_cancelled()
        with clock.stage("decode"):
            token_id, logprob = sampler.pick(logits)
            piece = text.push(token_id)
            reason: FinishReason | None = None
            if text.stopped or (token_id in end_ids and not options.ignore_eos):
                reason = "stop"
            elif guard and guard.loops_with(token_id):
                reason = "repetition"
            elif position == max_new_tokens:
                reason = "length"
            if reason:
                piece += text.finish()
        emit(Step(token_id, logprob, piece, reason))
        if reason:
            return
        with clock.stage("decode"):
            logits = yield NextToken(token_id, cache)

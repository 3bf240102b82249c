"""The one decode loop of all local backends: sample → stop → stream → next.

Knows logits, options and text; not which backend computes, what was asked, or who shares a step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tokenizers import Tokenizer

from ..arrays import Logits
from ..backends.base import KVCache
from ..engine.scheduler import CheckCancelled, NextToken
from ..errors import BadPrompt
from ..prompt.chat import Prompt
from ..types import FinishReason, GenerationOptions
from .clock import StageClock
from .repetition import RepetitionGuard
from .sampling import Sampler
from .text_stream import TextStream

if TYPE_CHECKING:
    from .matcher import Matcher


Extend: TypeAlias = Callable[[Sequence[int], KVCache], Logits]
"""Appends several tokens to a cache; the logits after the last."""


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token.

    Attributes:
        token_id: the token.
        logprob: its natural log-probability, before temperature; under a constraint, among the
            tokens it allows.
        text: what became certain with it.
        finish_reason: why the reply ends here; None while it goes on.
        forced: whether a constraint left no other token.
    """

    token_id: int
    logprob: float
    text: str
    finish_reason: FinishReason | None
    forced: bool = False


def token_budget(prompt: Prompt, wanted: int, context_length: int, least: int = 1) -> int:
    """How many tokens may be generated: `wanted`, or what the context has room for.

    Raises:
        BadPrompt: there is room for fewer than `least`.
    """
    room = context_length - len(prompt.token_ids)
    if room < least:
        raise BadPrompt(
            f"the prompt is {len(prompt.token_ids)} tokens long and the model's context "
            f"{context_length}",
            "Shorten the text, send fewer images, or lower `resolution`.",
        )
    return min(wanted, room)


def say(
    tokens: Sequence[int],
    text: str,
    logprob: float,
    tokenizer: Tokenizer,
    max_new_tokens: int,
    emit: Callable[[Step], None],
) -> None:
    """Emit a reply that has been decided as a whole.

    Args:
        tokens: of the reply; those past `max_new_tokens` are not steps, but their text is said.
        text: of the reply.
        logprob: of the reply; its first token gets it.
        tokenizer: of the checkpoint.
        max_new_tokens: most steps.
        emit: gets every step.
    """
    said = TextStream(tokenizer)
    steps = tokens[:max_new_tokens]
    end: FinishReason = "stop" if len(steps) == len(tokens) else "length"
    left = text
    for index, token in enumerate(steps):
        last = index == len(steps) - 1
        piece = left if last else said.push(token)
        left = left[len(piece) :]
        first = index == 0
        emit(Step(token, logprob if first else 0.0, piece, end if last else None, not first))


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
    extend: Extend,
    matcher: Matcher | None = None,
) -> Generator[NextToken, Any, None]:
    """Generate one reply, one `Step` per token, the end-of-utterance token included.

    `logits` are those after the prompt, which `cache` holds; `emit` gets every step, and the last
    one has a `finish_reason`. With a `matcher` the reply is one that its grammar accepts, whatever
    ends it, and tokens that it forces are read in one go by `extend`.
    """
    sampler = Sampler(options)
    guard = RepetitionGuard() if options.repetition_guard else None
    text = TextStream(tokenizer, options.stop)

    position = 0
    while True:
        position += 1
        check_cancelled()
        with clock.stage("decode"):
            if matcher:
                token_id, logprob, forced = matcher.pick(logits, sampler)
            else:
                (token_id, logprob), forced = sampler.pick(logits), False
            piece = text.push(token_id)
            reason: FinishReason | None = None
            if text.stopped or (token_id in end_ids and not options.ignore_eos):
                reason = "stop"
            elif matcher and matcher.is_whole:
                reason = "stop"
            elif guard and guard.loops_with(token_id):
                reason = "repetition"
            elif position == max_new_tokens:
                reason = "length"
            if matcher and reason in ("length", "repetition"):
                piece += "".join(map(text.push, matcher.complete()))
            if reason:
                piece += text.finish()
        emit(Step(token_id, logprob, piece, reason, forced))
        if reason:
            return
        with clock.stage("decode"):
            run = matcher.forced(max_new_tokens - position - 1) if matcher else ()
            if not run:
                logits = yield NextToken(token_id, cache)
                continue
            logits = extend([token_id, *run], cache)
        for forced_id in run:
            emit(Step(forced_id, 0.0, text.push(forced_id), None, forced=True))
        position += len(run)

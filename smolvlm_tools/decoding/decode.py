"""The one decode loop of all backends: a prompt that has been read → a reply, token by token."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any, TypeAlias

import numpy as np
from tokenizers import Tokenizer

from ..arrays import Logits
from ..backends.base import AnyBackend
from ..constraints.compiler import CompiledGrammar
from ..constraints.options import OptionTree
from ..types import FinishReason
from .choice import weigh_options
from .lookup import Lookup
from .protocol import NextToken, Step
from .read_ahead import ReadAhead
from .repetition import RepetitionGuard
from .running import RunningReply
from .sampling import Pick, Sampler
from .text_stream import TextStream

Grow: TypeAlias = Callable[[RunningReply], bool]
"""Makes room for a longer reply, if it may be longer and there is room."""

CUT = ("length", "repetition")
"""Reasons for which a reply ends before it is whole."""


class DecodeLoop:
    """Makes replies: free ones, such as a grammar accepts, and one of several options.

    Args:
        backend: runs the model. Steps that replies share are the scheduler's; this one reads
            several tokens of one reply, and forgets those of options that were only weighed.
    """

    def __init__(self, backend: AnyBackend, tokenizer: Tokenizer, end_ids: Collection[int]) -> None:
        self._backend, self._tokenizer, self._end_ids = backend, tokenizer, end_ids

    def say(
        self, reply: RunningReply, logits: Logits, grow: Grow
    ) -> Generator[NextToken, Any, None]:
        """Make the reply; `reply` gets every `Step`, the last one with its `finish_reason`.

        Args:
            logits: (vocab,) after the prompt.
            grow: makes room for a longer reply.
        """
        answer = reply.request.answer
        if isinstance(answer, OptionTree):
            yield from self._choose(reply, answer, logits)
        elif isinstance(answer, CompiledGrammar):
            yield from self._fill_in(reply, answer, logits, grow)
        else:
            yield from self._decode(reply, logits, grow)

    def _fill_in(
        self, reply: RunningReply, answer: CompiledGrammar, logits: Logits, grow: Grow
    ) -> Generator[NextToken, Any, None]:
        """Make a typed reply; once more where it breaks a rule that its grammar does not know."""
        from .matcher import Matcher  # llguidance, only where a grammar is wanted

        spoken, prompt = reply.spoken, len(reply.prompt.token_ids)
        spoken.matcher = Matcher(answer)
        reply.holds_back = bool(answer.grammar.unenforced)
        yield from self._decode(reply, logits, grow)
        first = spoken.close_choice() if reply.holds_back and spoken.is_rejected else None
        if first is not None:
            avoid = spoken.steps[first].token_id
            spoken.take_back(first)
            said = [step.token_id for step in spoken.steps]
            spoken.matcher = Matcher(answer, said)
            self._backend.truncate_cache(reply.cache, prompt + max(0, first - 1))
            if said:
                with reply.clock.stage("decode"):
                    last = np.array(said[-1:], dtype=np.int64)
                    logits = self._backend.forward(last, reply.cache)
            yield from self._decode(reply, logits, grow, avoid)
        reply.release()

    def _decode(
        self, reply: RunningReply, logits: Logits, grow: Grow, avoid: int | None = None
    ) -> Generator[NextToken, Any, None]:
        """Say one token after the other, behind those there are already; the first not `avoid`."""
        options, matcher = reply.request.options, reply.spoken.matcher
        sampler = Sampler(options)
        guard = RepetitionGuard() if options.repetition_guard else None
        text = TextStream(self._tokenizer, options.stop)
        ahead = ReadAhead(self._backend, reply, self._lookup(reply))
        position = len(reply.spoken.steps)
        for said in reply.spoken.steps:
            text.push(said.token_id)
        while True:
            reply.check_cancelled()
            position += 1
            with reply.clock.stage("decode"):
                # 1. Choose a token, of all or of those that the grammar allows.
                if matcher:
                    pick, avoid = matcher.pick(logits, sampler, avoid), None
                else:
                    pick = Pick(*sampler.pick(logits))
                token_id = pick.token_id
                piece = text.push(token_id)
                # 2. See whether the reply ends here.
                reason: FinishReason | None = None
                is_end = token_id in self._end_ids and not options.ignore_eos
                if is_end or text.stopped or (matcher and matcher.is_whole):
                    reason = "stop"
                elif guard and guard.loops_with(token_id):
                    reason = "repetition"
                elif position == reply.most_steps and not grow(reply):
                    reason = "length"
                if matcher and reason in CUT and reply.request.policy.completes:
                    piece += "".join(map(text.push, matcher.complete()))
                if reason:
                    piece += text.finish()
            # 3. Hand out the text that is certain now.
            reply.emit(Step(token_id, pick.logprob, piece, reason, pick.forced, pick.margin))
            if reason:
                ahead.end()
                return
            # 4. Read the token: in a step with the other replies, or at once with those after it
            #    that the grammar leaves no choice about, or that are guessed.
            with reply.clock.stage("decode"):
                room = reply.most_steps - position - 1
                run = matcher.forced(room) if matcher else ()
                logits = yield from ahead.read([token_id, *run], room - len(run))
            for forced_id in run:
                reply.emit(Step(forced_id, 0.0, text.push(forced_id), None, forced=True))
            position += len(run)

    def _lookup(self, reply: RunningReply) -> Lookup | None:
        """Guesses from what the reply may copy, where several tokens can be read for one."""
        most = self._backend.most_guesses
        if not most or reply.request.options.temperature:
            return None
        draft = reply.draft.encode(errors="ignore").decode()  # without unpaired surrogates
        known = self._tokenizer.encode(draft, add_special_tokens=False).ids
        return Lookup([*reply.prompt.token_ids.tolist(), *known], most)

    def _choose(
        self, reply: RunningReply, tree: OptionTree, logits: Logits
    ) -> Generator[NextToken, Any, None]:
        """Weigh all options, and say the likeliest, by the calibration if there is one."""
        weighed = yield from weigh_options(tree, logits, self._backend.truncate_cache, reply)
        option = reply.spoken.choose(tree, weighed).option
        text = tree.choice.options[option][0]
        # A token's log-probability stays the model's own, whatever a calibration makes of it.
        logprob = math.log(max(weighed.probabilities[option], sys.float_info.min))
        self._say_whole(reply, tree.paths[option], text, logprob)

    def _say_whole(
        self, reply: RunningReply, tokens: Sequence[int], text: str, logprob: float
    ) -> None:
        """Emit a reply that was decided as a whole; its first token gets the probability.

        Tokens past `max_new_tokens` are not steps, but their text is said.
        """
        said, left = TextStream(self._tokenizer), text
        steps = tokens[: reply.most_steps]
        end: FinishReason = "stop" if len(steps) == len(tokens) else "length"
        for index, token in enumerate(steps):
            first, last = index == 0, index == len(steps) - 1
            piece = left if last else said.push(token)
            left = left[len(piece) :]
            reason = end if last else None
            reply.emit(Step(token, logprob if first else 0.0, piece, reason, not first))

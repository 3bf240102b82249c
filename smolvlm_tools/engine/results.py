"""A finished reply → the result that its caller gets."""

from __future__ import annotations

import logging

import numpy as np

from ..backends.base import AnyBackend
from ..constraints.compiler import CompiledGrammar
from ..decoding.incomplete import incomplete_answer
from ..decoding.protocol import Step
from ..decoding.running import RunningReply
from ..decoding.verdict import Verdict, judge
from ..prompt.chat import Prompt
from ..prompt.known_text import KnownText
from ..prompt.layout import RequestLayouter
from ..types import StreamChunk, Token, Usage, VisionResult
from .recovery import is_better, recovered_flags
from .usages import sum_of

logger = logging.getLogger(__name__)


class Results:
    """Makes the results of one engine."""

    def __init__(self, layouter: RequestLayouter, backend: AnyBackend) -> None:
        self._layouter, self._backend = layouter, backend

    def last_chunk(self, reply: RunningReply, again: RunningReply | None = None) -> StreamChunk:
        """The chunk that ends a reply.

        Args:
            again: the same one, continued because it looped; the better one is the reply.

        Raises:
            IncompleteAnswer: there is no value, and the caller asked for an error then.
        """
        usage = reply.usage()
        if again:
            usage = sum_of([usage, again.usage()])
            if is_better(again, reply):
                again.flags = recovered_flags(again, reply)
                reply = again
        last = reply.spoken.steps[-1]
        return self._end(reply, usage, StreamChunk(token_id=last.token_id, text=last.text))

    def without_model(self, reply: RunningReply, known: KnownText) -> StreamChunk:
        """A transcription that is known: the model is not asked."""
        text, reply.text_source = known
        answer = reply.request.answer
        if isinstance(answer, CompiledGrammar):
            from ..decoding.matcher import Matcher

            reply.spoken.matcher = Matcher(answer)
        end = min(self._layouter.end_ids)
        reply.spoken.steps.append(Step(end, 0.0, text, "stop", forced=True))
        reply.prompt, reply.tiles = Prompt(np.empty(0, np.int64), 0), 0
        usage = reply.usage().model_copy(update={"completion_tokens": 0})
        return self._end(reply, usage, StreamChunk(token_id=end, text=text))

    def _end(self, reply: RunningReply, usage: Usage, last: StreamChunk) -> StreamChunk:
        _log(usage)
        verdict = judge(reply.request, reply.spoken)
        result = self._result(reply, verdict, usage)
        if result.abstained and reply.request.policy.on_incomplete == "raise":
            reply.deliver(last)  # the words belong to the stream, whatever comes of them
            raise incomplete_answer(result, verdict.refusal) from verdict.refusal
        return last.model_copy(update={"result": result})

    def _result(self, reply: RunningReply, verdict: Verdict, usage: Usage) -> VisionResult:
        spoken = reply.spoken
        checkpoint, backend = self._layouter.checkpoint, self._backend
        return VisionResult(
            text=spoken.text,
            value=verdict.value,
            abstained=verdict.incomplete is not None,
            incomplete=verdict.incomplete,
            finish_reason=spoken.finish_reason,
            usage=usage,
            confidence=spoken.confidence,
            probabilities=spoken.probabilities,
            field_confidence=spoken.field_confidence,
            unsure_fields=verdict.unsure_fields,
            calibrated=spoken.calibrated,
            flags=(*spoken.flags, *reply.flags, *verdict.flags),
            image_sha256=reply.image_sha256,
            sources=reply.sources,
            text_source=reply.text_source,
            model=checkpoint.id,
            revision=checkpoint.revision,
            backend=backend.name,
            device=backend.device,
            precision=backend.precision,
            tokens=self._tokens(reply) if reply.request.options.logprobs else None,
        )

    def _tokens(self, reply: RunningReply) -> tuple[Token, ...]:
        decode = self._layouter.tokenizer.decode
        return tuple(
            Token(
                id=step.token_id,
                text=decode([step.token_id], skip_special_tokens=False),
                logprob=step.logprob,
            )
            for step in reply.spoken.steps
        )


def _log(usage: Usage) -> None:
    """Say what a reply cost; nothing of what it says."""
    logger.info(
        "%d tiles (%d from the cache), %d tokens read (%d from the cache), %d said",
        *(usage.tiles, usage.cached_tiles),
        *(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens),
    )
    seconds = usage.seconds
    logger.info(
        "%.2f s: preprocess %.2f, vision %.2f, prefill %.2f, decode %.2f",
        *(seconds.total, seconds.preprocess, seconds.vision, seconds.prefill, seconds.decode),
    )

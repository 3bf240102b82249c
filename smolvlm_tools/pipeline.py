"""One request from messages to reply: layout → features → prefill → tokens → result.

Knows every stage and nothing of threads; the scheduler drives it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .admission import Admission, Admitted, Known
from .backends.base import AnyBackend, Features, KVCache, Logits
from .backends.exhaustion import out_of_memory, ran_out
from .cache import Kept
from .clock import StageClock
from .errors import OutOfMemoryBudget, SmolVLMError
from .generation import Step, decode
from .heap import trim_heap
from .memory.guard import MemoryGuard
from .memory.meter import Span
from .reader import Reader
from .request import Request
from .scheduler import CheckCancelled, Deliver, NextToken, Reply
from .types import Flag, GenerationOptions, StreamChunk, Token, Usage, VisionResult
from .vision import VisionEncoder


class Pipeline:
    """A reader and a backend that together answer requests, within what the guard allows."""

    def __init__(self, reader: Reader, backend: AnyBackend, guard: MemoryGuard) -> None:
        self.reader = reader
        self.backend = backend
        self.guard = guard
        self.kept = Kept(guard.limits)
        self.admission = Admission(reader, guard, self.kept)
        self._vision = VisionEncoder(
            backend, reader.checkpoint.config, self.kept, guard.tiles_per_batch
        )

    def run(self, request: Request, deliver: Deliver, check_cancelled: CheckCancelled) -> Reply:
        """Answer one request; see `Reply` for the protocol."""
        clock, span = StageClock(), self.guard.meter.start()
        try:
            check_cancelled()
            with self._freeing_memory():
                with clock.stage("preprocess"):
                    layout, grown = self.admission.lay_out(request)
                admitted = yield from self.admission.admit(request, layout, grown, check_cancelled)
                own = admitted.own
                answer = self._answer(request, admitted, deliver, check_cancelled, clock, span)
                del layout, admitted  # `answer` lets the pixels go when they are encoded
                with self.admission.running(own):
                    return (yield from answer)
        finally:
            span.end()

    def _answer(
        self,
        request: Request,
        admitted: Admitted,
        deliver: Deliver,
        check_cancelled: CheckCancelled,
        clock: StageClock,
        span: Span,
    ) -> Reply:
        reader, options = self.reader, request.options
        known, prompt = admitted.known, admitted.layout.prompt
        digests = tuple(image.sha256 for image in admitted.layout.images)
        tiles = sum(key.grid.tiles for key in known.keys)
        flags: list[Flag] = []
        if any(image.is_blank for image in admitted.layout.images):
            flags.append("blank_image")
        if admitted.reduced:
            flags.append("reduced_resolution")
        encoding = yield from self._vision.encode(admitted, check_cancelled, clock)
        if encoding.halved:
            flags.append("halved_micro_batch")
        if encoding.cached_tiles < tiles:
            trim_heap()
        steps: list[Step] = []

        def emit(step: Step) -> None:
            steps.append(step)
            if not step.finish_reason:
                deliver(StreamChunk(token_id=step.token_id, text=step.text))

        max_new_tokens, predicted = admitted.max_new_tokens, admitted.predicted
        identity, cached_tokens = known.identity, known.tokens
        cache = self.backend.create_cache(len(prompt.token_ids) + max_new_tokens)
        try:
            logits = self._prefill(prompt.token_ids, known, encoding.features, cache, clock)
            cached_tiles = encoding.cached_tiles
            del known, admitted, encoding
            yield from decode(
                logits,
                cache,
                reader.tokenizer,
                options,
                max_new_tokens=max_new_tokens,
                end_ids=reader.end_ids,
                check_cancelled=check_cancelled,
                clock=clock,
                emit=emit,
            )
            self._remember(np.append(identity, [step.token_id for step in steps]), cache)
        finally:
            self.backend.release_cache(cache)
        usage = Usage(
            prompt_tokens=len(prompt.token_ids),
            image_tokens=prompt.image_tokens,
            completion_tokens=len(steps),
            tiles=tiles,
            cached_tokens=cached_tokens,
            cached_tiles=cached_tiles,
            seconds=clock.seconds(),
            predicted_bytes=predicted,
            peak_bytes=span.end(),
        )
        result = self._result(steps, digests, flags, usage, options)
        return StreamChunk(token_id=steps[-1].token_id, text=steps[-1].text, result=result)

    def step(self, wanted: Sequence[NextToken]) -> NDArray[np.float32]:
        """One decode step of several replies: logits (B, vocab)."""
        token_ids = np.array([each.token_id for each in wanted], dtype=np.int64)
        return self.backend.step(token_ids, [each.cache for each in wanted])

    def close(self) -> None:
        """Free the weights and the caches."""
        self.kept.clear()
        self.backend.close()

    @contextmanager
    def _freeing_memory(self) -> Generator[None]:
        """Forget what is kept when memory ran out, so that the next request has room.

        Raises:
            OutOfMemoryBudget: in place of whatever the library at fault raises.
        """
        try:
            yield
        except (MemoryError, SmolVLMError) as error:
            if not ran_out(error):
                raise
            self.kept.clear()
            trim_heap()
            if isinstance(error, OutOfMemoryBudget):
                raise
            raise out_of_memory("answering", error) from error

    def _prefill(
        self,
        token_ids: NDArray[np.int64],
        known: Known,
        features: Sequence[Features],
        cache: KVCache,
        clock: StageClock,
    ) -> Logits:
        """Put the prompt into the cache, the known beginning by copying."""
        with clock.stage("prefill"):
            for block in known.blocks:
                self.backend.write_cache(cache, block)
            logits = self.backend.forward(token_ids[cache.length :], cache, features)
            self._remember(known.identity, cache)  # now: the next reply may begin alike
        return logits

    def _remember(self, identity: NDArray[np.int64], cache: KVCache) -> None:
        read = partial(self.backend.read_cache, cache)
        self.kept.prefixes.insert(identity[: cache.length], read)

    def _result(
        self,
        steps: Sequence[Step],
        digests: tuple[str, ...],
        flags: Sequence[Flag],
        usage: Usage,
        options: GenerationOptions,
    ) -> VisionResult:
        reason = steps[-1].finish_reason or "stop"
        ends: dict[str, Flag] = {"length": "truncated", "repetition": "repetition"}
        return VisionResult(
            text="".join(step.text for step in steps),
            finish_reason=reason,
            usage=usage,
            confidence=math.exp(sum(step.logprob for step in steps) / len(steps)),
            flags=(*([ends[reason]] if reason in ends else []), *flags),
            image_sha256=digests,
            model=self.reader.checkpoint.id,
            revision=self.reader.checkpoint.revision,
            backend=self.backend.name,
            device=self.backend.device,
            precision=self.backend.precision,
            tokens=self._tokens(steps) if options.logprobs else None,
        )

    def _tokens(self, steps: Sequence[Step]) -> tuple[Token, ...]:
        decode_one = self.reader.tokenizer.decode
        return tuple(
            Token(
                id=step.token_id,
                text=decode_one([step.token_id], skip_special_tokens=False),
                logprob=step.logprob,
            )
            for step in steps
        )

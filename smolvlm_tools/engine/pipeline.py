"""One request from messages to reply: layout → features → prefill → tokens → result.

Knows every stage and nothing of threads; the scheduler drives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..arrays import Features, Logits
from ..backends.base import AnyBackend, KVCache
from ..cache import Kept
from ..constraints.compiler import CompiledGrammar, ConstraintCompiler
from ..constraints.kinds import LINES
from ..constraints.options import OptionTree, weigh_options
from ..decoding.clock import StageClock
from ..decoding.decode import Step, decode, say
from ..decoding.result import Spoken, judge
from ..errors import OutOfMemoryBudget, SmolVLMError
from ..machine.exhaustion import out_of_memory, ran_out
from ..machine.heap import trim_heap
from ..machine.meter import Span
from ..memory.guard import MemoryGuard
from ..prompt.layout import Layout, Reader
from ..prompt.request import Request
from ..types import Flag, Progress, Stage, StreamChunk, Token, Usage, VisionResult
from ..vision.encoder import VisionEncoder
from .admission import Admission, Admitted, Known
from .scheduler import CheckCancelled, Deliver, NextToken, Reply


class Pipeline:
    """A reader and a backend that together answer requests, within what the guard allows."""

    def __init__(self, reader: Reader, backend: AnyBackend, guard: MemoryGuard) -> None:
        config = reader.checkpoint.config
        self.reader = reader
        self.backend = backend
        self.guard = guard
        self.kept = Kept(guard.limits)
        self.constraints = ConstraintCompiler(
            reader.tokenizer, config.text.vocab_size, reader.end_ids
        )
        self.admission = Admission(reader, guard, self.kept, lambda: self.constraints.nbytes)
        self._vision = VisionEncoder(backend, config, self.kept, guard.tiles_per_batch)

    def run(self, request: Request, deliver: Deliver, check_cancelled: CheckCancelled) -> Reply:
        """Answer one request; see `Reply` for the protocol."""
        clock, span = StageClock(), self.guard.meter.start()
        try:
            check_cancelled()
            with self._freeing_memory():
                with clock.stage("preprocess"):
                    layout, grown = self.admission.lay_out(request)
                _report(request, "preprocess", 1, 1)
                if _has_no_text(request, layout):
                    return self._nothing_to_read(request, layout, clock, span)
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
        known, prompt = admitted.known, admitted.layout.prompt
        digests = tuple(image.sha256 for image in admitted.layout.images)
        tiles = sum(key.grid.tiles for key in known.keys)
        flags: list[Flag] = []
        if any(image.is_blank for image in admitted.layout.images):
            flags.append("blank_image")
        if admitted.reduced:
            flags.append("reduced_resolution")
        report = partial(_report, request, "vision", total=tiles)
        encoding = yield from self._vision.encode(admitted, check_cancelled, clock, report)
        if encoding.halved:
            flags.append("halved_micro_batch")
        if encoding.cached_tiles < tiles:
            trim_heap()
        spoken = Spoken()
        most = min(request.options.max_new_tokens, admitted.max_new_tokens)

        def emit(step: Step) -> None:
            spoken.steps.append(step)
            if not step.finish_reason:
                deliver(StreamChunk(token_id=step.token_id, text=step.text))
            _report(request, "decode", len(spoken.steps), most)

        predicted = admitted.predicted
        identity, cached_tokens = known.identity, known.tokens
        cache = self.backend.create_cache(len(prompt.token_ids) + admitted.max_new_tokens)
        try:
            _report(request, "prefill", 0, 1)
            logits = self._prefill(prompt.token_ids, known, encoding.features, cache, clock)
            _report(request, "prefill", 1, 1)
            cached_tiles = encoding.cached_tiles
            del known, admitted, encoding
            yield from self._speak(
                request, spoken, logits, cache, most, check_cancelled, clock, emit
            )
            said = [step.token_id for step in spoken.steps]
            self._remember(np.append(identity, said), cache)
        finally:
            self.backend.release_cache(cache)
        usage = Usage(
            prompt_tokens=len(prompt.token_ids),
            image_tokens=prompt.image_tokens,
            completion_tokens=len(spoken.steps),
            tiles=tiles,
            cached_tokens=cached_tokens,
            cached_tiles=cached_tiles,
            seconds=clock.seconds(),
            predicted_bytes=predicted,
            peak_bytes=span.end(),
        )
        last = spoken.steps[-1]
        result = self._result(request, spoken, digests, flags, usage)
        return StreamChunk(token_id=last.token_id, text=last.text, result=result)

    def _speak(
        self,
        request: Request,
        spoken: Spoken,
        logits: Logits,
        cache: KVCache,
        max_new_tokens: int,
        check_cancelled: CheckCancelled,
        clock: StageClock,
        emit: Callable[[Step], None],
    ) -> Generator[NextToken, Any, None]:
        """Choose one of the options, or decode: freely, or what a grammar allows."""
        tokenizer = self.reader.tokenizer
        if isinstance(request.answer, OptionTree):
            tree = spoken.tree = request.answer
            chosen = spoken.chosen = yield from weigh_options(
                tree, logits, cache, self.backend.truncate_cache, check_cancelled, clock
            )
            text, logprob = tree.choice.options[chosen.option][0], math.log(spoken.confidence)
            say(tree.paths[chosen.option], text, logprob, tokenizer, max_new_tokens, emit)
            return
        if request.answer:
            spoken.matcher = request.answer.begin()
        yield from decode(
            logits,
            cache,
            tokenizer,
            request.options,
            max_new_tokens=max_new_tokens,
            end_ids=self.reader.end_ids,
            check_cancelled=check_cancelled,
            clock=clock,
            emit=emit,
            matcher=spoken.matcher,
            extend=self._extend,
        )

    def _extend(self, token_ids: Sequence[int], cache: KVCache) -> Logits:
        return self.backend.forward(np.array(token_ids, dtype=np.int64), cache)

    def _nothing_to_read(
        self, request: Request, layout: Layout, clock: StageClock, span: Span
    ) -> StreamChunk:
        """The transcription of images that are blank by their pixels."""
        end = min(self.reader.end_ids)
        grammar = cast("CompiledGrammar | None", request.answer)
        matcher = grammar.begin() if grammar else None
        spoken = Spoken([Step(end, 0.0, "", "stop", forced=True)], matcher)
        usage = Usage(
            prompt_tokens=0,
            image_tokens=0,
            completion_tokens=0,
            tiles=0,
            seconds=clock.seconds(),
            peak_bytes=span.end(),
        )
        digests = tuple(image.sha256 for image in layout.images)
        result = self._result(request, spoken, digests, ["blank_image"], usage)
        return StreamChunk(token_id=end, text="", result=result)

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
        request: Request,
        spoken: Spoken,
        digests: tuple[str, ...],
        flags: Sequence[Flag],
        usage: Usage,
    ) -> VisionResult:
        verdict = judge(request, spoken)
        return VisionResult(
            text=spoken.text,
            value=verdict.value,
            abstained=verdict.abstained,
            finish_reason=spoken.steps[-1].finish_reason or "stop",
            usage=usage,
            confidence=spoken.confidence,
            probabilities=spoken.probabilities,
            field_confidence=spoken.field_confidence,
            flags=(*spoken.flags, *flags, *verdict.flags),
            image_sha256=digests,
            model=self.reader.checkpoint.id,
            revision=self.reader.checkpoint.revision,
            backend=self.backend.name,
            device=self.backend.device,
            precision=self.backend.precision,
            tokens=self._tokens(spoken.steps) if request.options.logprobs else None,
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


def _report(request: Request, stage: Stage, done: int, total: int) -> None:
    if request.report:
        request.report(Progress(stage=stage, done=done, total=total))


def _has_no_text(request: Request, layout: Layout) -> bool:
    """Whether all there is to transcribe is blank by its pixels."""
    answer = request.answer
    is_text = answer is None or (
        isinstance(answer, CompiledGrammar) and answer.grammar.name == LINES
    )
    blank = bool(layout.images) and all(image.is_blank for image in layout.images)
    return request.task == "transcribe" and is_text and blank

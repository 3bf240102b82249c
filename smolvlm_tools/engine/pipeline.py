"""One request from messages to reply; the scheduler drives it step by step."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import KVBlock, Logits
from ..backends.base import AnyBackend, KVCache
from ..cache import EngineCaches, Look
from ..constraints.compiler import CompiledGrammar, ConstraintCompiler
from ..constraints.kinds import LINES
from ..decoding.calibration import Calibration
from ..decoding.decode import DecodeLoop
from ..decoding.protocol import CheckCancelled, Deliver, NextToken, ReplySteps
from ..decoding.running import RunningReply
from ..errors import Cancelled, Closed, InputError, OutOfMemoryBudget, SmolVLMError
from ..machine.exhaustion import out_of_memory, ran_out
from ..machine.heap import trim_heap
from ..machine.stopping import stoppable_by
from ..memory.guard import MemoryGuard
from ..prompt.image_flags import image_flags
from ..prompt.known_text import KnownText, known_text
from ..prompt.layout import RequestLayouter
from ..prompt.request import Request
from ..vision.encoder import VisionEncoder
from .admission import Admission
from .loader import Decode, Loader, Loading
from .recovery import continued, cut_otherwise, may_continue
from .results import Results

logger = logging.getLogger(__name__)


class Pipeline:
    """A layouter and a backend that together answer requests, within what the guard allows.

    Args:
        calibration: of the confidence of answers to questions; descriptions and transcriptions
            have none.
    """

    def __init__(
        self,
        layouter: RequestLayouter,
        backend: AnyBackend,
        guard: MemoryGuard,
        calibration: Calibration | None = None,
    ) -> None:
        config = layouter.checkpoint.config
        self.layouter = layouter
        self.backend = backend
        self.guard = guard
        self.caches = EngineCaches(guard.limits)
        self.constraints = ConstraintCompiler(
            layouter.tokenizer, config.text.vocab_size, layouter.end_ids
        )
        self._loader = Loader(layouter, guard)
        self.admission = Admission(layouter, guard, self.caches, lambda: self.constraints.nbytes)
        self._vision = VisionEncoder(
            backend,
            config,
            self.caches,
            guard.tiles_per_batch,
            lambda: self.admission.somebody_reads,
        )
        self._decoder = DecodeLoop(backend, layouter.tokenizer, layouter.end_ids)
        self._results = Results(layouter, backend)
        self._calibration = calibration

    def run(
        self,
        request: Request,
        deliver: Deliver,
        check_cancelled: CheckCancelled,
        look: Look | None = None,
    ) -> ReplySteps:
        """Answer one request; see `ReplySteps` for the protocol."""
        reply = RunningReply(request, deliver, check_cancelled, self.guard.meter.start(), look)
        if request.task in (None, "ask"):
            reply.spoken.calibration = self._calibration
        if look:
            self.caches.looks.add(look)
        del look  # the reply gives it up before its end
        try:
            with self._freeing_memory():
                reply.check_cancelled()
                # 1. Load the images, cut them on paper, write the prompt.
                decoders = yield from self._load(reply)
                grown = self._lay_out(reply, decoders)
                del decoders
                if known := _known_text(reply):
                    return self._results.without_model(reply, known)
                yield from self._answer(reply, grown)
                # 6. Continue it with another cut of the images, if it looped.
                again = yield from self._continue(reply)
                # 7. Judge it, and count what it cost.
                return self._results.last_chunk(reply, again)
        finally:
            reply.span.end()
            reply.drop_look()

    def step(self, wanted: Sequence[NextToken]) -> Sequence[NDArray[np.float32]]:
        """One decode step of several replies: logits (1 or 1 + guesses, vocab) of each."""
        token_ids = np.array([each.token_id for each in wanted], dtype=np.int64)
        if len(wanted) == 1 and (guesses := wanted[0].guesses):
            return [self.backend.verify(np.append(token_ids, guesses), wanted[0].cache)]
        return list(self.backend.step(token_ids, [each.cache for each in wanted])[:, None])

    def close(self) -> None:
        """Free the weights and the caches."""
        self._loader.close()
        self._vision.close()
        self.caches.clear()
        self.backend.close()

    def _answer(self, reply: RunningReply, grown: int) -> Generator[Any, Any, None]:
        """Make a reply whose prompt is laid out."""
        # 2. Wait until the request fits into memory beside the others.
        yield from self.admission.admit(reply, grown)
        with self.admission.running(reply):
            # 3. Encode the tiles whose features are not kept.
            yield from self._vision.encode(reply)
            reply.drop_images()
            if reply.cached_tiles < reply.tiles:
                trim_heap()
            with self._cache(reply):
                # 4. Read the prompt, its known beginning by copying.
                logits = self._prefill(reply, reply.cache)
                # 5. Say the reply, token by token.
                yield from self._decoder.say(reply, logits, self._grow)
                self._remember(reply.said(), reply.cache)

    def _continue(self, first: RunningReply) -> Generator[Any, Any, RunningReply | None]:
        """Make a reply that looped go on from before the loop, once; None where it cannot.

        An image that cannot be read again, a context or a memory that the other cut does not fit:
        none of these takes the first reply away.
        """
        if not may_continue(first, self.layouter.checkpoint.config.image_token_id):
            return None
        reply = continued(first)
        try:
            with self._freeing_memory():
                yield _its_turn()
                decoders = yield from self._load(reply)
                grown = self._lay_out(reply, decoders)
                del decoders
                if not cut_otherwise(self.layouter, reply, first):
                    return None
                yield from self._answer(reply, grown)
                return reply
        except (InputError, OutOfMemoryBudget) as error:
            logger.info("a reply that looped is not continued: %s", error.code)
            return None

    def _load(self, reply: RunningReply) -> Generator[Loading, Any, Sequence[Decode] | None]:
        """Wait for images that are loaded beside this thread; None where none are.

        Those of a look are loaded once for all its questions.
        """
        look = reply.look
        while look is None or look.images is None:
            loading = look.loading if look else None
            if loading is None:
                loading = self._loader.start(reply.request, reply.check_cancelled, reply.clock)
                if loading is None:
                    return None
                if look:
                    look.loading = loading
            if not loading.done():
                yield loading  # resumed once it is done
            try:
                return loading.result()
            except (Cancelled, Closed):
                reply.check_cancelled()
                if look is None:
                    raise
                look.loading = None  # the question that began it was given up
        return None

    def _lay_out(self, reply: RunningReply, decoders: Sequence[Decode] | None) -> int:
        """Load and cut the images; by how many bytes that made the memory grow."""
        with reply.clock.stage("preprocess"), stoppable_by(reply.check_cancelled):
            layout, grown = self.admission.lay_out(reply.request, reply.look, decoders)
        reply.see(layout)
        for image, grid in zip(layout.images, layout.grids, strict=True):
            logger.debug("an image of %dx%d pixels: %d tiles", *image.size, grid.tiles)
        reply.flags += image_flags(reply.request, layout.images)
        reply.report("preprocess", 1, 1)
        return grown

    def _prefill(self, reply: RunningReply, cache: KVCache) -> Logits:
        reply.report("prefill", 0, 1)
        with reply.clock.stage("prefill"), stoppable_by(reply.check_cancelled):
            for block in reply.known.blocks:
                self.backend.write_cache(cache, block)
            unread = reply.prompt.token_ids[cache.length :]
            logits = self.backend.forward(unread, cache, reply.features)
            self._remember(reply.identity, cache)  # now: the next reply may begin alike
            if reply.look:
                reply.look.keep(reply.identity, partial(self._read, reply.identity, cache))
        reply.report("prefill", 1, 1)
        reply.drop_inputs()
        return logits

    @contextmanager
    def _cache(self, reply: RunningReply) -> Generator[None]:
        """Give a reply keys and values, with room for its longest form so far."""
        reply.cache = self.backend.create_cache(_capacity(reply))
        try:
            yield
        finally:
            self.backend.release_cache(reply.cache)
            del reply.cache

    def _grow(self, reply: RunningReply) -> bool:
        """Make room for a longer reply, if memory and context have it."""
        if not (reply.request.grows and self.admission.lengthen(reply)):
            return False
        reply.cache = self.backend.grow_cache(reply.cache, _capacity(reply))
        return True

    def _read(self, identity: NDArray[np.int64], cache: KVCache) -> list[KVBlock]:
        """The keys and values of a prompt, those that are kept without copying them."""
        blocks = self.caches.prefixes.match(identity)
        kept = sum(block.shape[2] for block in blocks)
        if kept < len(identity):
            blocks.append(self.backend.read_cache(cache, kept, len(identity)))
        return blocks

    def _remember(self, identity: NDArray[np.int64], cache: KVCache) -> None:
        read = partial(self.backend.read_cache, cache)
        self.caches.prefixes.insert(identity[: cache.length], read)

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
            self.caches.clear()
            self.caches.give_looks_up()
            trim_heap()
            if isinstance(error, OutOfMemoryBudget):
                raise
            raise out_of_memory("answering", error) from error


def _its_turn() -> Future[None]:
    """What a decoding reply waits for to be prepared anew: one at a time is."""
    turn: Future[None] = Future()
    turn.set_result(None)
    return turn


def _capacity(reply: RunningReply) -> int:
    """Positions for a reply in its longest form so far."""
    return len(reply.prompt.token_ids) + reply.max_new_tokens


def _known_text(reply: RunningReply) -> KnownText | None:
    """What a transcription is without the model."""
    answer = reply.request.answer
    is_text = answer is None or (
        isinstance(answer, CompiledGrammar) and answer.grammar.name == LINES
    )
    return known_text(reply.request, reply.layout.images, is_text)

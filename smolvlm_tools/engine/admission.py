"""Decides which request may begin: its memory is predicted, and the request refused if need be.

Before that, room is made, in this order: empty the caches, wait for requests that are decoding,
let questions about the same images read for themselves, cut images under "auto" coarser.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..cache import EngineCaches, ImageKey, Known, Look
from ..decoding.running import RunningReply
from ..images import LoadedImage
from ..machine.heap import trim_heap
from ..memory.guard import MemoryGuard
from ..memory.predict import Working
from ..prompt.chat import token_budget
from ..prompt.layout import RequestLayout, RequestLayouter
from ..prompt.request import Request
from ..prompt.workload import Workload

LONGER_BY = 512
"""Tokens by which a growing reply becomes longer at a time."""


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """What a laid-out request would take now.

    Attributes:
        predicted: the peak that is expected, in bytes.
    """

    known: Known
    max_new_tokens: int
    own: Working
    predicted: int


class Admission:
    """Admits the requests of one engine.

    Args:
        others: bytes of what else has been made since the model was loaded.
    """

    def __init__(
        self,
        layouter: RequestLayouter,
        guard: MemoryGuard,
        caches: EngineCaches,
        others: Callable[[], int],
    ) -> None:
        self._layouter, self._guard, self._caches, self._others = layouter, guard, caches, others
        self._running: list[RunningReply] = []

    @property
    def somebody_reads(self) -> bool:
        """Whether tokens of a running reply are read as they come.

        Asked while a reply is prepared, of which nothing can be read yet.
        """
        return any(reply.request.is_streamed and reply.spoken.steps for reply in self._running)

    def lay_out(
        self,
        request: Request,
        look: Look | None = None,
        decoders: Sequence[Callable[[], LoadedImage]] | None = None,
    ) -> tuple[RequestLayout, int]:
        """Load a request's images and cut them; also by how much that made the memory grow.

        Those of a look are loaded by the first of its questions, and cut as that one was.

        Args:
            decoders: of the images, if they were opened before.

        Raises:
            OutOfMemoryBudget: an image's pixels alone do not fit.
        """
        before = self._guard.meter.now()
        images = look.images if look else None
        if look and images is not None:
            return self._layouter.cut(request, images, look.max_side), 0
        opened = decoders or self._layouter.open_images(request, self._guard.check_pixels)
        images = look.open(list(opened)) if look else tuple(decode() for decode in opened)
        layout = self._layouter.cut(request, images, self._layouter.max_side)
        return layout, max(0, self._guard.meter.now() - before)

    def admit(self, reply: RunningReply, grown: int) -> Generator[None, Any, None]:
        """Wait until a request fits beside the others; yields None while it waits.

        Raises:
            OutOfMemoryBudget: it does not even fit alone.
            BadPrompt: the prompt fills the context.
        """
        while True:
            reply.check_cancelled()
            found = self.forecast(reply.request, reply.layout, grown, reply.look)
            if self._guard.fits(found.predicted):
                break
            del found  # drop our references, or clearing frees nothing
            if self._caches.nbytes:
                self._caches.clear()
                trim_heap()
            elif self._running:
                yield
            elif self._guard.fits(needed := self._needs_alone(reply, grown)):
                self._caches.give_looks_up()
                trim_heap()
            elif coarser := self._layouter.coarser(reply.request, reply.layout):
                reply.see(coarser)
            else:
                raise self._guard.refusal("the request", needed)
        if self._layouter.is_reduced(reply.request, reply.layout):
            reply.flags.append("reduced_resolution")
        if reply.look:
            reply.look.max_side = reply.layout.max_side
        reply.know(found.known)
        reply.max_new_tokens, reply.predicted_bytes = found.max_new_tokens, found.predicted
        reply.own = found.own

    @contextmanager
    def running(self, reply: RunningReply) -> Generator[None]:
        """Keep in mind what a request takes while it runs."""
        self._running.append(reply)
        try:
            yield
        finally:
            self._running.remove(reply)

    def lengthen(self, reply: RunningReply) -> bool:
        """Let a running reply become longer by some tokens; False if there is no room for them."""
        config, prompt = self._layouter.checkpoint.config.text, len(reply.prompt.token_ids)
        longest = min(reply.max_new_tokens + LONGER_BY, config.context_length - prompt)
        if longest == reply.max_new_tokens:
            return False
        own = self._guard.working(Workload((), prompt, longest), known_tokens=prompt)
        for _ in range(2):
            predicted = self._guard.total(own, self._guard.meter.now(), self._held())
            if self._guard.fits(predicted):
                reply.own, reply.max_new_tokens = own, longest
                reply.predicted_bytes = max(reply.predicted_bytes or 0, predicted)
                return True
            self._caches.clear()
            trim_heap()
        return False

    def _held(self) -> int:
        """Bytes that caches and running requests have or may still take."""
        held = self._caches.nbytes + self._caches.look_bytes + self._others()
        return held + sum(reply.own.kv for reply in self._running)

    def _needs_alone(self, reply: RunningReply, grown: int) -> int:
        """Bytes that a request would take if nothing were shared with others."""
        freed = self._caches.look_bytes
        return self.forecast(reply.request, reply.layout, grown, freed=freed).predicted

    def forecast(
        self,
        request: Request,
        layout: RequestLayout,
        grown: int,
        look: Look | None = None,
        freed: int = 0,
    ) -> MemoryForecast:
        """What a laid-out request would take, once so much of looks is freed."""
        config = self._layouter.checkpoint.config
        new_tokens = token_budget(
            layout.prompt, request.most_tokens, config.text.context_length, request.least_tokens
        )
        known = self._known(layout, look)
        load = self._layouter.workload(layout, new_tokens)
        unseen = tuple(
            image
            for image, key, read in zip(load.images, known.keys, known.read_rows, strict=True)
            if read < key.grid.image_tokens and self._caches.features.image(key) is None
        )
        keeps = look is not None and look.will_keep
        own = self._guard.working(replace(load, images=unseen), known.tokens, keeps_prompt=keeps)
        in_use = self._guard.meter.now() - grown
        total = self._guard.total(own, in_use - freed, self._held() - freed)
        return MemoryForecast(known, new_tokens, own, total)

    def _known(self, layout: RequestLayout, look: Look | None) -> Known:
        keys = [
            ImageKey(image.sha256, grid, image.turned)
            for image, grid in zip(layout.images, layout.grids, strict=True)
        ]
        image_token_id = self._layouter.checkpoint.config.image_token_id
        identity = self._caches.identities.of(layout.prompt.token_ids, image_token_id, keys)
        unread = identity[:-1]  # one token at least has to be read
        known = Known(keys, identity, self._caches.prefixes.match(unread))
        shared = Known(keys, identity, look.match(unread) if look else ())
        return max(known, shared, key=lambda known: known.tokens)

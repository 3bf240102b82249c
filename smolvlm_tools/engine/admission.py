"""Which request may begin: what it will take is known first, and made to fit, or refused.

What does not fit is made to, in this order: the caches are emptied, the requests that decode are
waited for, images under "auto" are cut coarser. Knows amounts, not how anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import KVBlock
from ..cache import ImageKey, Kept
from ..decoding.decode import token_budget
from ..machine.heap import trim_heap
from ..memory.guard import MemoryGuard
from ..memory.predict import Working
from ..prompt.layout import Layout, Reader
from ..prompt.request import Request
from .scheduler import CheckCancelled


@dataclass(frozen=True, slots=True)
class Known:
    """What a laid-out request shares with earlier ones.

    Attributes:
        keys: of its images.
        identity: of its prompt's positions, (L,).
        blocks: keys and values of the prompt's beginning.
    """

    keys: Sequence[ImageKey]
    identity: NDArray[np.int64]
    blocks: Sequence[KVBlock]

    @property
    def tokens(self) -> int:
        """Positions that `blocks` cover."""
        return sum(block.shape[2] for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may begin.

    Attributes:
        layout: how it will be seen.
        known: what need not be computed again.
        max_new_tokens: longest reply.
        own: what it takes.
        predicted: the peak that is expected, in bytes.
        reduced: whether images are cut coarser than they would be without a budget.
    """

    layout: Layout
    known: Known
    max_new_tokens: int
    own: Working
    predicted: int
    reduced: bool


class Admission:
    """Admits the requests of one engine.

    Args:
        reader: lays them out.
        guard: knows the budget.
        kept: the caches.
        others: bytes of what else has been made since the model was loaded.
    """

    def __init__(
        self, reader: Reader, guard: MemoryGuard, kept: Kept, others: Callable[[], int]
    ) -> None:
        self._reader, self._guard, self._kept, self._others = reader, guard, kept, others
        self._running: list[Working] = []

    def lay_out(self, request: Request) -> tuple[Layout, int]:
        """Load a request's images and cut them; also by how much that made the memory grow.

        Raises:
            OutOfMemoryBudget: an image's pixels alone do not fit.
        """
        before = self._guard.meter.now()
        layout = self._reader.lay_out(request, self._guard.check_pixels)
        return layout, max(0, self._guard.meter.now() - before)

    def admit(
        self, request: Request, layout: Layout, grown: int, check_cancelled: CheckCancelled
    ) -> Generator[None, Any, Admitted]:
        """Wait until a request fits beside the others; yields None while it waits.

        Args:
            request: what was asked.
            layout: from `lay_out`.
            grown: from `lay_out`.
            check_cancelled: raises when nobody waits any more.

        Raises:
            OutOfMemoryBudget: it does not even fit alone.
            BadPrompt: the prompt fills the context.
        """
        while True:
            check_cancelled()
            found = self.forecast(request, layout, grown)
            if self._guard.fits(found.predicted):
                return replace(found, reduced=self._reader.is_reduced(request, layout))
            needed = found.predicted
            del found  # it holds on to what is to be forgotten
            if self._kept.nbytes:
                self._kept.clear()
                trim_heap()
            elif self._running:
                yield
            elif coarser := self._reader.coarser(request, layout):
                layout = coarser
            else:
                raise self._guard.refusal("the request", needed)

    @contextmanager
    def running(self, own: Working) -> Generator[None]:
        """Keep in mind what a request takes while it runs."""
        self._running.append(own)
        try:
            yield
        finally:
            self._running.remove(own)

    def forecast(self, request: Request, layout: Layout, grown: int) -> Admitted:
        """What a laid-out request would take now, whether it fits or not."""
        config = self._reader.checkpoint.config
        new_tokens = token_budget(
            layout.prompt, request.most_tokens, config.text.context_length, request.least_tokens
        )
        known = self._known(layout)
        load = self._reader.workload(layout, new_tokens)
        unseen = tuple(
            image
            for image, key in zip(load.images, known.keys, strict=True)
            if self._kept.features.get(key) is None
        )
        own = self._guard.working(replace(load, images=unseen), known.tokens)
        held = self._kept.nbytes + sum(other.kv for other in self._running) + self._others()
        total = self._guard.total(own, self._guard.meter.now() - grown, held)
        return Admitted(layout, known, new_tokens, own, total, False)

    def _known(self, layout: Layout) -> Known:
        keys = [
            ImageKey(image.sha256, grid)
            for image, grid in zip(layout.images, layout.grids, strict=True)
        ]
        image_token_id = self._reader.checkpoint.config.image_token_id
        identity = self._kept.identities.of(layout.prompt.token_ids, image_token_id, keys)
        blocks = self._kept.prefixes.match(identity[:-1])  # one token at least has to be read
        return Known(keys, identity, blocks)

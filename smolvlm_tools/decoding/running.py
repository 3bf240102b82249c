"""The state of one reply while it is made: what was asked, what was said, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..arrays import Features
from ..backends.base import KVCache
from ..cache import Known, Look
from ..machine.meter import Span
from ..memory.predict import Working
from ..prompt.chat import Prompt
from ..prompt.layout import RequestLayout
from ..prompt.request import Request
from ..types import Flag, PageRef, Progress, Stage, StreamChunk, TextSource, Usage
from .clock import StageClock
from .protocol import CheckCancelled, Deliver, Step
from .spoken import Spoken


@dataclass(slots=True, eq=False)
class RunningReply:
    """One reply. The stages fill it in, in the order of the attributes.

    Attributes:
        request: what was asked.
        deliver: hands chunks to the caller.
        check_cancelled: raises when nobody wants the reply any more.
        span: measures the peak of memory.
        look: shared with other questions about the same images; None once the prompt is read.
        clock: measures the stages.
        flags: of the result, besides those that follow from what was said.
        layout: images and prompt; dropped with the pixels once they are encoded.
        prompt: of the layout.
        image_sha256: of each image.
        sources: of each image.
        tiles: of all images.
        max_side: of the layout.
        draft: text that documents have for their pages.
        known: what earlier requests have left; dropped once the prompt is read.
        identity: of the prompt's positions; see `Known`.
        max_new_tokens: longest reply that is made and has room in the cache.
        own: what it takes of the memory.
        cache: keys and values; there while it is read and said.
        predicted_bytes: expected peak.
        features: of the image tokens to be read; dropped once they are.
        cached_tiles, cached_tokens: what was not computed again.
        spoken: the reply itself.
        text_source: where its words come from.
        holds_back: whether tokens are delivered only when all are there: some may be taken back.
    """

    request: Request
    deliver: Deliver
    check_cancelled: CheckCancelled
    span: Span
    look: Look | None = None
    clock: StageClock = field(default_factory=StageClock)
    flags: list[Flag] = field(default_factory=list[Flag])
    layout: RequestLayout = field(init=False)
    prompt: Prompt = field(init=False)
    image_sha256: tuple[str, ...] = ()
    sources: tuple[PageRef, ...] = ()
    tiles: int = 0
    max_side: int | None = None
    draft: str = ""
    known: Known = field(init=False)
    identity: NDArray[np.int64] = field(init=False)
    max_new_tokens: int = 0
    own: Working = field(init=False)
    cache: KVCache = field(init=False)
    predicted_bytes: int | None = None
    features: Sequence[Features] = ()
    cached_tiles: int = 0
    cached_tokens: int = 0
    spoken: Spoken = field(default_factory=Spoken)
    text_source: TextSource = "model"
    holds_back: bool = False

    def see(self, layout: RequestLayout) -> None:
        """Take in how the images were cut."""
        self.layout = layout
        self.prompt = layout.prompt
        self.image_sha256 = tuple(image.sha256 for image in layout.images)
        self.sources = tuple(image.ref for image in layout.images)
        self.tiles, self.max_side = layout.tiles, layout.max_side
        self.draft = "\n\n".join(image.own_text or "" for image in layout.images)

    def know(self, known: Known) -> None:
        """Take in what earlier requests have left."""
        self.known = known
        self.identity = known.identity
        self.cached_tokens = known.tokens

    def drop_images(self) -> None:
        """Free the pixels."""
        if self.look:
            self.look.let_pixels_go()
        del self.layout

    def drop_inputs(self) -> None:
        """Free the features, and the copies of keys and values."""
        self.features = ()
        del self.known
        self.drop_look()

    def drop_look(self) -> None:
        """Leave the look to the questions that still need it."""
        if self.look:
            self.look.leave()
            self.look = None

    def said(self) -> NDArray[np.int64]:
        """The prompt's identity with the generated tokens after it."""
        steps = self.spoken.steps[len(self.request.said) :]
        return np.append(self.identity, [step.token_id for step in steps])

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Tell the caller how far the request has come."""
        if self.request.report:
            self.request.report(Progress(stage=stage, done=done, total=total))

    def emit(self, step: Step) -> None:
        """Add a token; all but the last are delivered here, the last with the result."""
        self.spoken.steps.append(step)
        if not step.finish_reason and not self.holds_back:
            self._deliver(step)
        self.report("decode", len(self.spoken.steps), self.most_steps)

    def release(self) -> None:
        """Deliver what was held back."""
        for step in self.spoken.steps[:-1] if self.holds_back else ():
            self._deliver(step)

    def _deliver(self, step: Step) -> None:
        self.deliver(StreamChunk(token_id=step.token_id, text=step.text))

    @property
    def most_steps(self) -> int:
        """Most tokens of the reply; options that are weighed may need more room than that."""
        said, most = len(self.request.said), self.max_new_tokens
        if self.request.grows:
            return said + most
        return said + min(self.request.options.max_new_tokens, most)

    def usage(self) -> Usage:
        """What it cost; ends the measurement of memory."""
        generated = len(self.spoken.steps) - len(self.request.said)
        return Usage(
            prompt_tokens=len(self.prompt.token_ids),
            image_tokens=self.prompt.image_tokens,
            completion_tokens=generated + self.spoken.discarded,
            tiles=self.tiles,
            cached_tokens=self.cached_tokens,
            cached_tiles=self.cached_tiles,
            seconds=self.clock.seconds(),
            predicted_bytes=self.predicted_bytes,
            peak_bytes=self.span.end(),
        )

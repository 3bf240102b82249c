"""Sample → tokens and tiles, by the very code that lays out a request of the engine.

So the model learns from what it will see: the same template, the same cuts, the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import TokenIds
from ..checkpoint import Checkpoint
from ..errors import BadPrompt, SmolVLMError
from ..images import ImagePolicy, KnownImages
from ..prompt.chat import ChatTemplate
from ..prompt.layout import RequestLayout, RequestLayouter
from ..prompt.request import Request
from ..prompt.resolution import TileGrid
from ..types import GenerationOptions, Resolution
from ..vision.tiles import Frames, cut_frames
from .samples import Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Example:
    """A sample as the model reads it.

    Attributes:
        place: see `Sample`.
        token_ids: (L,) int64, up to the end of the last answer.
        is_answer: (L,), whether a token is one of those to be learned.
        frames: (tiles, 3, S, S) bytes, in the order of the image tokens.
        grids: of its images.
    """

    place: str
    token_ids: TokenIds
    is_answer: NDArray[np.bool_]
    frames: Frames
    grids: tuple[TileGrid, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of a sample before it is learned from.

    Attributes:
        tokens: L of its example.
        answers: how many of them are to be learned.
        tiles: of all its images.
        max_side: tiles along the longest edge that it has to be cut to; None as a request would be.
    """

    tokens: int
    answers: int
    tiles: int
    max_side: int | None = None


class Encoder:
    """Encodes samples for one checkpoint.

    Args:
        resolution: how images are cut, as of a request.
        policy: which images are let in.
        known: images that need not be decoded to measure them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        resolution: Resolution = "auto",
        policy: ImagePolicy | None = None,
        known: KnownImages | None = None,
    ) -> None:
        layouter = RequestLayouter.open(checkpoint, policy or ImagePolicy())
        # Texts beyond the context are measured here, not refused: they may be left out.
        chat = ChatTemplate(layouter.tokenizer, layouter.chat.image_token_id)
        self._layouter = replace(layouter, chat=chat, known=known)
        self._resolution: Resolution = resolution

    @property
    def context_length(self) -> int:
        """Most tokens that the model reads."""
        return self._layouter.checkpoint.config.text.context_length

    def measure(self, sample: Sample, *, coarser: bool = False) -> Extent:
        """Lay a sample out without its pixels.

        Args:
            coarser: cut its images as coarsely as the context asks.

        Raises:
            SmolVLMError: it cannot be used; the reason begins with its place.
        """
        return _at(sample, lambda: self._measure(sample, coarser))

    def encode(self, sample: Sample, max_side: int | None = None) -> Example:
        """Encode a sample.

        Args:
            max_side: see `Extent`.

        Raises:
            SmolVLMError: it cannot be used; the reason begins with its place.
        """
        return _at(sample, lambda: self._encode(sample, max_side))

    def _request(self, sample: Sample) -> Request:
        if not sample.messages or sample.messages[-1].role != "assistant":
            raise BadPrompt(
                "the conversation does not end with the assistant's turn",
                "End it with the answer that is to be learned.",
            )
        return Request(sample.messages, GenerationOptions(), self._resolution)

    def _measure(self, sample: Sample, coarser: bool) -> Extent:
        request = self._request(sample)
        layout: RequestLayout | None = self._layouter.lay_out(request)
        found = None
        while layout is not None:
            prompt = self._layouter.answered(request, layout)
            length, answers = len(prompt.token_ids), int(prompt.is_answer.sum())
            found = Extent(length, answers, layout.tiles, layout.max_side)
            if not coarser or length <= self.context_length:
                break
            layout = self._layouter.coarser(request, layout)
        assert found is not None  # there is always a first layout
        return found

    def _encode(self, sample: Sample, max_side: int | None) -> Example:
        request = self._request(sample)
        layout = self._layouter.lay_out(request)
        if max_side is not None:
            layout = self._layouter.cut(request, layout.images, max_side)
        prompt = self._layouter.answered(request, layout)
        config = self._layouter.checkpoint.config.image
        frames = [
            cut_frames(image.pixels, grid, config)
            for image, grid in zip(layout.images, layout.grids, strict=True)
        ]
        size = config.tile_size
        together = np.concatenate([np.empty((0, 3, size, size), np.uint8), *frames])
        return Example(sample.place, prompt.token_ids, prompt.is_answer, together, layout.grids)


def _at(sample: Sample, work: Callable[[], T]) -> T:
    """Do something for a sample; errors name its place."""
    try:
        return work()
    except SmolVLMError as error:
        raise error.reworded(f"{sample.place}: {error.reason}", error.remedy) from error

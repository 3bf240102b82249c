"""Request → images, tile grids and prompt; needs no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from ..checkpoint import Checkpoint
from ..images import ImagePolicy, KnownImages, LoadedImage
from ..types import ImagePlan, RequestPlan
from .chat import AnsweredPrompt, ChatTemplate, Prompt, encode_text
from .expansion import with_each_image
from .image_opener import ImageOpener
from .request import Request
from .resolution import Size, TileGrid, plan_frame, plan_grid
from .workload import PlannedImage, Workload


@dataclass(frozen=True, slots=True)
class RequestLayout:
    """A request as the model will see it; the tuples are in prompt order.

    Attributes:
        max_side: most tiles along the longest edge that it was cut with under "auto"; None for the
            checkpoint's own.
    """

    images: tuple[LoadedImage, ...]
    grids: tuple[TileGrid, ...]
    prompt: Prompt
    max_side: int | None = None

    @property
    def tiles(self) -> int:
        return sum(grid.tiles for grid in self.grids)


@dataclass(frozen=True, slots=True)
class RequestLayouter:
    """Knows a checkpoint's tokenizer, template and image rules.

    Attributes:
        policy: which images are let in, of requests that say nothing of it.
        max_side: most tiles along the longest edge under "auto"; None for the checkpoint's own.
    """

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    chat: ChatTemplate
    policy: ImagePolicy
    known: KnownImages | None = None
    max_side: int | None = None

    @classmethod
    def open(
        cls, checkpoint: Checkpoint, policy: ImagePolicy, *, remember: bool = False
    ) -> RequestLayouter:
        """Read a checkpoint's tokenizer.

        `remember` spares an image's decoding where an earlier request has told enough of it.
        """
        tokenizer = checkpoint.tokenizer()
        config = checkpoint.config
        chat = ChatTemplate(tokenizer, config.image_token_id, config.text.context_length)
        return cls(checkpoint, tokenizer, chat, policy, KnownImages() if remember else None)

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a reply."""
        return self.checkpoint.config.eos_token_ids | {self.chat.end_of_utterance_id}

    def lay_out(
        self, request: Request, check_pixels: Callable[[Size], None] | None = None
    ) -> RequestLayout:
        """Load a request's images, cut them on paper and write its prompt; see `load_image`."""
        images = tuple(decode() for decode in self.open_images(request, check_pixels))
        return self.cut(request, images, self.max_side)

    def count_tokens(self, request: Request) -> int:
        """Tokens of a request's prompt, also where they are more than the context holds."""
        images = tuple(decode() for decode in self.open_images(request))
        grids = self._cut_grids(request, images, self.max_side)
        chat = ChatTemplate(self.tokenizer, self.chat.image_token_id)
        return len(chat.build(with_each_image(request.messages, images), grids).token_ids)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text by itself; see `encode_text`."""
        return encode_text(self.tokenizer, text)

    def open_images(
        self, request: Request, check_pixels: Callable[[Size], None] | None = None
    ) -> Iterator[Callable[[], LoadedImage]]:
        """Read a request's images, one after the other; each is decoded where it is called.

        Pages of documents are rendered here, and frames of videos chosen.
        """
        return ImageOpener(
            self.checkpoint.config.image,
            request,
            request.images or self.policy,
            check_pixels=check_pixels,
            known=self.known,
            max_side=self.max_side,
        ).each()

    def coarser(self, request: Request, layout: RequestLayout) -> RequestLayout | None:
        """Cut the same images one step coarser; None if that is not allowed."""
        if request.resolution != "auto":
            return None
        # At odd tile sizes N tiles may come out as N + 1, so the next N may change nothing.
        for side in range((layout.max_side or self.checkpoint.config.image.max_side) - 1, 0, -1):
            found = self.cut(request, layout.images, side)
            if found.tiles < layout.tiles:
                return found
        return None

    def is_reduced(self, request: Request, layout: RequestLayout) -> bool:
        """Whether an image is cut coarser than the checkpoint alone would have it."""
        full = self._cut_grids(request, layout.images, None)
        return full != layout.grids

    def workload(self, layout: RequestLayout, new_tokens: int) -> Workload:
        """What a laid-out request asks of the memory."""
        images = tuple(
            PlannedImage(image.decoded_size, grid)
            for image, grid in zip(layout.images, layout.grids, strict=True)
        )
        return Workload(images, len(layout.prompt.token_ids), new_tokens)

    def cut(
        self, request: Request, images: tuple[LoadedImage, ...], max_side: int | None = None
    ) -> RequestLayout:
        """Lay out a request whose images are there, with at most `max_side` tiles under "auto"."""
        grids = self._cut_grids(request, images, max_side)
        messages = with_each_image(request.messages, images)
        prompt = self.chat.build(messages, grids, request.said)
        return RequestLayout(images, grids, prompt, max_side)

    def answered(self, request: Request, layout: RequestLayout) -> AnsweredPrompt:
        """A laid-out conversation that ends with the assistant's turn, to learn from."""
        messages = with_each_image(request.messages, layout.images)
        return self.chat.build_answered(messages, layout.grids)

    def _cut_grids(
        self, request: Request, images: tuple[LoadedImage, ...], max_side: int | None
    ) -> tuple[TileGrid, ...]:
        config = self.checkpoint.config.image
        return tuple(
            plan_frame(image.size, config, request.resolution)
            if image.is_frame
            else plan_grid(image.size, config, request.resolution, request.task, max_side)
            for image in images
        )

    def describe(self, layout: RequestLayout, predicted_bytes: int | None = None) -> RequestPlan:
        """Tiles and tokens of a laid-out request."""
        return RequestPlan(
            images=tuple(
                ImagePlan(
                    width=image.size[0],
                    height=image.size[1],
                    resized_width=grid.steps[-1][0],
                    resized_height=grid.steps[-1][1],
                    rows=grid.rows,
                    cols=grid.cols,
                    tiles=grid.tiles,
                    tokens=self.chat.count_image(grid),
                    image_tokens=grid.image_tokens,
                )
                for image, grid in zip(layout.images, layout.grids, strict=True)
            ),
            tiles=sum(grid.tiles for grid in layout.grids),
            image_tokens=layout.prompt.image_tokens,
            prompt_tokens=len(layout.prompt.token_ids),
            context_length=self.checkpoint.config.text.context_length,
            model=self.checkpoint.id,
            predicted_bytes=predicted_bytes,
        )

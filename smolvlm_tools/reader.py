"""Lays requests out: images, tile grids and prompt; needs no weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tokenizers import Tokenizer

from .chat import ChatTemplate, Prompt
from .checkpoint import Checkpoint
from .images import ImagePolicy, KnownImages, LoadedImage, load_image
from .request import Request
from .resolution import TileGrid, plan_grid, size_to_decode
from .types import ImagePart, ImagePlan, RequestPlan


@dataclass(frozen=True, slots=True)
class Layout:
    """A request as the model will see it; the tuples are in prompt order."""

    images: tuple[LoadedImage, ...]
    grids: tuple[TileGrid, ...]
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows a checkpoint's tokenizer, template and image rules."""

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    chat: ChatTemplate
    policy: ImagePolicy
    known: KnownImages | None = None

    @classmethod
    def open(cls, checkpoint: Checkpoint, policy: ImagePolicy, *, remember: bool = False) -> Reader:
        """Read a checkpoint's tokenizer.

        `remember` spares an image's decoding where an earlier request has told enough of it.
        """
        tokenizer = checkpoint.tokenizer()
        chat = ChatTemplate(tokenizer, checkpoint.config.image_token_id)
        return cls(checkpoint, tokenizer, chat, policy, KnownImages() if remember else None)

    def lay_out(self, request: Request) -> Layout:
        """Load a request's images, cut them on paper and write its prompt."""
        config = self.checkpoint.config.image
        wanted = partial(
            size_to_decode, image=config, resolution=request.resolution, task=request.task
        )
        images = tuple(
            load_image(part.image, self.policy, reduce_to=wanted, known=self.known)
            for message in request.messages
            for part in message.content
            if isinstance(part, ImagePart)
        )
        grids = tuple(
            plan_grid(image.size, config, request.resolution, request.task) for image in images
        )
        return Layout(images, grids, self.chat.build(request.messages, grids))

    def plan(self, request: Request) -> RequestPlan:
        """Tiles and tokens of a request, without running the model."""
        layout = self.lay_out(request)
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
        )

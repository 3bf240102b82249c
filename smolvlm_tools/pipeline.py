"""One request from messages to reply: images → tiles → prompt → features → tokens → result.

Knows every stage and nothing of threads; the worker drives it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from .backends.base import AnyBackend, Features
from .chat import ChatTemplate, Prompt
from .checkpoint import Checkpoint
from .clock import StageClock
from .errors import ModelInvalid
from .generation import CheckCancelled, Step, decode, token_budget
from .images import ImagePolicy, LoadedImage, load_image
from .preprocess import make_tiles
from .request import Request
from .resolution import TileGrid, plan_grid
from .types import (
    Flag,
    GenerationOptions,
    ImagePart,
    ImagePlan,
    Message,
    RequestPlan,
    StreamChunk,
    Token,
    Usage,
    VisionResult,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """The part of a pipeline that needs no weights: it lays requests out."""

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    chat: ChatTemplate
    policy: ImagePolicy

    @classmethod
    def open(cls, checkpoint: Checkpoint, policy: ImagePolicy) -> Reader:
        tokenizer = checkpoint.tokenizer()
        chat = ChatTemplate(tokenizer, checkpoint.config.image_token_id)
        return cls(checkpoint, tokenizer, chat, policy)

    def load_images(self, messages: Sequence[Message]) -> list[LoadedImage]:
        return [
            load_image(part.image, self.policy)
            for message in messages
            for part in message.content
            if isinstance(part, ImagePart)
        ]

    def grids(self, images: Sequence[LoadedImage], request: Request) -> list[TileGrid]:
        config = self.checkpoint.config.image
        return [plan_grid(im.size, config, request.resolution, request.task) for im in images]

    def plan(self, request: Request) -> RequestPlan:
        """Tiles and tokens of a request, without running the model."""
        images = self.load_images(request.messages)
        grids = self.grids(images, request)
        prompt = self.chat.build(request.messages, grids)
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
                for image, grid in zip(images, grids, strict=True)
            ),
            tiles=sum(grid.tiles for grid in grids),
            image_tokens=prompt.image_tokens,
            prompt_tokens=len(prompt.token_ids),
            context_length=self.checkpoint.config.text.context_length,
            model=self.checkpoint.id,
        )


class Pipeline:
    """A reader and a backend that together answer requests, one at a time."""

    def __init__(self, reader: Reader, backend: AnyBackend) -> None:
        self.reader = reader
        self.backend = backend

    def run(self, request: Request, check_cancelled: CheckCancelled) -> Iterator[StreamChunk]:
        """Answer one request, a chunk per token; the last one carries the result."""
        reader, clock = self.reader, StageClock()
        with clock.stage("preprocess"):
            images = reader.load_images(request.messages)
            grids = reader.grids(images, request)
            prompt = reader.chat.build(request.messages, grids)
        context_length = reader.checkpoint.config.text.context_length
        max_new_tokens = token_budget(prompt, request.options, context_length)
        features = self._encode(images, grids, prompt, check_cancelled, clock)
        digests = tuple(image.sha256 for image in images)
        blank = any(image.is_blank for image in images)
        del images  # the pixels need not wait for the end of the reply
        ends = reader.checkpoint.config.eos_token_ids | {reader.chat.end_of_utterance_id}
        steps: list[Step] = []
        for step in decode(
            self.backend,
            reader.tokenizer,
            prompt,
            features,
            request.options,
            max_new_tokens=max_new_tokens,
            end_ids=ends,
            check_cancelled=check_cancelled,
            clock=clock,
        ):
            steps.append(step)
            result = None
            if step.finish_reason:
                usage = Usage(
                    prompt_tokens=len(prompt.token_ids),
                    image_tokens=prompt.image_tokens,
                    completion_tokens=len(steps),
                    tiles=sum(grid.tiles for grid in grids),
                    seconds=clock.seconds(),
                )
                result = self._result(steps, digests, blank, usage, request.options)
            yield StreamChunk(token_id=step.token_id, text=step.text, result=result)

    def _encode(
        self,
        images: Sequence[LoadedImage],
        grids: Sequence[TileGrid],
        prompt: Prompt,
        check_cancelled: CheckCancelled,
        clock: StageClock,
    ) -> list[Features]:
        """Features of all images in micro-batches; only one image's tiles exist at a time."""
        config = self.reader.checkpoint.config.image
        size = self.backend.tiles_per_batch
        features: list[Features] = []
        rows = 0
        for image, grid in zip(images, grids, strict=True):
            with clock.stage("preprocess"):
                tiles = make_tiles(image.pixels, grid, config)
            for start in range(0, len(tiles), size):
                check_cancelled()
                with clock.stage("vision"):
                    batch = self.backend.encode(tiles[start : start + size])
                rows += batch.shape[0] * batch.shape[1]
                features.append(batch)
        if rows != prompt.image_tokens:
            raise ModelInvalid(
                f"the vision tower gave {rows} features for {prompt.image_tokens} image tokens",
                "config.json and the weights do not belong together.",
            )
        return features

    def _result(
        self,
        steps: Sequence[Step],
        digests: tuple[str, ...],
        blank: bool,
        usage: Usage,
        options: GenerationOptions,
    ) -> VisionResult:
        reason = steps[-1].finish_reason or "stop"
        flags: list[Flag] = []
        if reason == "length":
            flags.append("truncated")
        if reason == "repetition":
            flags.append("repetition")
        if blank:
            flags.append("blank_image")
        return VisionResult(
            text="".join(step.text for step in steps),
            finish_reason=reason,
            usage=usage,
            confidence=math.exp(sum(step.logprob for step in steps) / len(steps)),
            flags=tuple(flags),
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

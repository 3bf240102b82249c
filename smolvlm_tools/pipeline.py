"""One request from messages to reply: layout → features → prefill → tokens → result.

Knows every stage, what is remembered between requests, and nothing of threads; the scheduler
drives it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends.base import AnyBackend, Features, KVBlock, KVCache, Logits
from .cache import CacheLimits, FeatureCache, Identities, ImageKey, PrefixCache
from .clock import StageClock
from .errors import ModelInvalid
from .generation import Step, decode, token_budget
from .heap import trim_heap
from .preprocess import cut_frames, normalise
from .reader import Layout, Reader
from .request import Request
from .scheduler import CheckCancelled, Deliver, NextToken, Reply
from .types import Flag, GenerationOptions, StreamChunk, Token, Usage, VisionResult


class Pipeline:
    """A reader and a backend that together answer requests, and what they remember."""

    def __init__(self, reader: Reader, backend: AnyBackend, limits: CacheLimits) -> None:
        self.reader = reader
        self.backend = backend
        self._features = FeatureCache(limits.vision_bytes)
        self._prefixes = PrefixCache(limits.kv_bytes)
        self._identities = Identities()

    def run(self, request: Request, deliver: Deliver, check_cancelled: CheckCancelled) -> Reply:
        """Answer one request; see `Reply` for the protocol."""
        reader, clock = self.reader, StageClock()
        check_cancelled()
        with clock.stage("preprocess"):
            layout = reader.lay_out(request)
            keys = [
                ImageKey(image.sha256, grid)
                for image, grid in zip(layout.images, layout.grids, strict=True)
            ]
        prompt, options = layout.prompt, request.options
        config = reader.checkpoint.config
        max_new_tokens = token_budget(prompt, options, config.text.context_length)
        identity = self._identities.of(prompt.token_ids, config.image_token_id, keys)
        known = self._prefixes.match(identity[:-1])  # one token at least has to be read
        features, cached_tiles = yield from self._encode(
            layout, keys, _tokens_of(known), check_cancelled, clock
        )
        digests = tuple(image.sha256 for image in layout.images)
        blank = any(image.is_blank for image in layout.images)
        del layout  # the pixels need not wait for the end of the reply
        if cached_tiles < sum(key.grid.tiles for key in keys):
            trim_heap()
        steps: list[Step] = []

        def emit(step: Step) -> None:
            steps.append(step)
            if not step.finish_reason:
                deliver(StreamChunk(token_id=step.token_id, text=step.text))

        cache = self.backend.create_cache(len(prompt.token_ids) + max_new_tokens)
        try:
            logits = self._prefill(prompt.token_ids, identity, known, features, cache, clock)
            cached_tokens = _tokens_of(known)
            del known, features
            yield from decode(
                logits,
                cache,
                reader.tokenizer,
                options,
                max_new_tokens=max_new_tokens,
                end_ids=config.eos_token_ids | {reader.chat.end_of_utterance_id},
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
            tiles=sum(key.grid.tiles for key in keys),
            cached_tokens=cached_tokens,
            cached_tiles=cached_tiles,
            seconds=clock.seconds(),
        )
        result = self._result(steps, digests, blank, usage, options)
        return StreamChunk(token_id=steps[-1].token_id, text=steps[-1].text, result=result)

    def step(self, wanted: Sequence[NextToken]) -> NDArray[np.float32]:
        """One decode step of several replies: logits (B, vocab)."""
        token_ids = np.array([each.token_id for each in wanted], dtype=np.int64)
        return self.backend.step(token_ids, [each.cache for each in wanted])

    def close(self) -> None:
        """Free the weights and the caches."""
        self._features.clear()
        self._prefixes.clear()
        self.backend.close()

    def _encode(
        self,
        layout: Layout,
        keys: Sequence[ImageKey],
        known: int,
        check_cancelled: CheckCancelled,
        clock: StageClock,
    ) -> Generator[None, Any, tuple[list[Features], int]]:
        """Features of the image tokens from position `known` on, and how many tiles were cached.

        One micro-batch of tiles exists at a time, and one image's tiles as bytes.
        """
        config = self.reader.checkpoint.config
        places = np.flatnonzero(layout.prompt.token_ids == config.image_token_id)
        features: list[Features] = []
        cached_tiles = end = 0
        for image, key in zip(layout.images, keys, strict=True):
            end += key.grid.image_tokens
            parts = self._features.get(key)
            if places[end - 1] < known or parts is not None:
                cached_tiles += key.grid.tiles
            if places[end - 1] < known:
                continue
            if parts is None:
                with clock.stage("preprocess"):
                    frames = cut_frames(image.pixels, key.grid, config.image)
                encoded: list[Features] = []
                for start in range(0, len(frames), self.backend.tiles_per_batch):
                    check_cancelled()
                    with clock.stage("preprocess"):
                        stop = start + self.backend.tiles_per_batch
                        tiles = normalise(frames[start:stop], config.image)
                    with clock.stage("vision"):
                        encoded.append(self.backend.encode(tiles))
                    yield
                parts = tuple(encoded)
                self._check_rows(parts, key)
                self._features.put(key, parts)
            first = end - key.grid.image_tokens
            features += _without_rows(parts, int(np.count_nonzero(places[first:end] < known)))
        return features, cached_tiles

    def _prefill(
        self,
        token_ids: NDArray[np.int64],
        identity: NDArray[np.int64],
        known: Sequence[KVBlock],
        features: Sequence[Features],
        cache: KVCache,
        clock: StageClock,
    ) -> Logits:
        """Put the prompt into the cache, the known beginning by copying."""
        with clock.stage("prefill"):
            for block in known:
                self.backend.write_cache(cache, block)
            logits = self.backend.forward(token_ids[cache.length :], cache, features)
            self._remember(identity, cache)  # now: the next reply may begin alike
        return logits

    def _remember(self, identity: NDArray[np.int64], cache: KVCache) -> None:
        read = partial(self.backend.read_cache, cache)
        self._prefixes.insert(identity[: cache.length], read)

    def _check_rows(self, parts: Iterable[Features], key: ImageKey) -> None:
        rows = sum(part.shape[0] * part.shape[1] for part in parts)
        if rows != key.grid.image_tokens:
            raise ModelInvalid(
                f"the vision tower gave {rows} features for {key.grid.image_tokens} image tokens",
                "config.json and the weights do not belong together.",
            )

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


def _tokens_of(blocks: Iterable[KVBlock]) -> int:
    return sum(block.shape[2] for block in blocks)


def _without_rows(parts: Iterable[Features], skip: int) -> Iterator[Features]:
    """Features (tiles, tokens, hidden) without their first `skip` tokens."""
    for part in parts:
        rows = part.shape[0] * part.shape[1]
        if skip < rows:
            yield part.reshape(rows, -1)[skip:] if skip else part
        skip = max(0, skip - rows)

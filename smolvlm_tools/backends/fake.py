"""A backend without a model, for tests of code that uses this package.

It says a script you give it, token by token, whatever it is asked: deterministic, instant, and
public, so that your tests need no weights:

    >>> from smolvlm_tools import SmolVLM, open_checkpoint
    >>> from smolvlm_tools.backends.fake import FakeBackend
    >>> checkpoint = open_checkpoint("embedded")
    >>> vlm = SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a red circle"))
    >>> vlm.generate([{"role": "user", "content": "hi"}]).text
    'a red circle'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits, Tiles, TokenIds
from ..checkpoint import Checkpoint
from ..checkpoint.config import ModelConfig
from ..errors import Closed
from ..prompt.chat import ChatTemplate, encode_text

CONFIDENT = 20.0
"""Logit of the scripted token; every other token has 0."""


@dataclass(slots=True)
class FakeCache:
    """Counts tokens; holds nothing."""

    capacity: int
    length: int = 0
    prompt: int | None = None


class FakeBackend:
    """Says `script`, then repeats its last token.

    Args:
        config: of the checkpoint it stands in for.
        script: token ids of every reply.
    """

    name = "fake"
    device = "cpu"
    precision = "none"
    tiles_per_batch = 1
    encodes_beside = True
    most_guesses = 0

    def __init__(self, config: ModelConfig, script: Sequence[int]) -> None:
        self._config = config
        self._script = list(script)
        self._closed = False

    @classmethod
    def saying(cls, checkpoint: Checkpoint, text: str) -> FakeBackend:
        """Replies `text` and ends its turn."""
        tokenizer = checkpoint.tokenizer()
        chat = ChatTemplate(tokenizer, checkpoint.config.image_token_id)
        script = [*encode_text(tokenizer, text), chat.end_of_utterance_id]
        return cls(checkpoint.config, script)

    def encode(self, tiles: Tiles) -> NDArray[np.float32]:
        """(tiles, 3, S, S) → (tiles, tokens, hidden): each tile's mean, everywhere."""
        self._check_open()
        shape = (self._config.image.tokens_per_tile, self._config.text.hidden_size)
        means = tiles.mean(axis=(1, 2, 3), dtype=np.float32)
        return np.broadcast_to(means[:, None, None], (len(tiles), *shape)).copy()

    def create_cache(self, capacity: int) -> FakeCache:
        return FakeCache(capacity)

    def forward(
        self, token_ids: TokenIds, cache: FakeCache, features: Sequence[NDArray[np.float32]] = ()
    ) -> Logits:
        self._check_open()
        if cache.prompt is None:
            cache.prompt = cache.length + len(token_ids)
        cache.length += len(token_ids)
        said = min(cache.length - cache.prompt, len(self._script) - 1)
        logits = np.zeros(self._config.text.vocab_size, dtype=np.float32)
        logits[self._script[said]] = CONFIDENT
        return logits

    def step(self, token_ids: TokenIds, caches: Sequence[FakeCache]) -> NDArray[np.float32]:
        return np.stack(
            [self.forward(token_ids[i : i + 1], cache) for i, cache in enumerate(caches)]
        )

    def verify(self, token_ids: TokenIds, cache: FakeCache) -> NDArray[np.float32]:
        return np.stack([self.forward(token_ids[i : i + 1], cache) for i in range(len(token_ids))])

    def read_cache(self, cache: FakeCache, start: int, stop: int) -> NDArray[np.float32]:
        return np.zeros((2, 1, stop - start, 1), np.float32)

    def write_cache(self, cache: FakeCache, block: NDArray[np.float32]) -> None:
        cache.length += block.shape[2]

    def truncate_cache(self, cache: FakeCache, length: int) -> None:
        cache.length = length

    def grow_cache(self, cache: FakeCache, capacity: int) -> FakeCache:
        cache.capacity = capacity
        return cache

    def release_cache(self, cache: FakeCache) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Refuse further work."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the fake backend was closed", "Make a new one.")

"""The ONNX Runtime backend: the hub's three graphs behind the `Backend` protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Features, Logits, Tiles, TokenIds
from ...checkpoint import Checkpoint
from ...checkpoint.config import ModelConfig
from ...errors import Closed, ModelError, ModelInvalid
from ...machine.cpu import this_cpu
from ...machine.heap import give_back_large_blocks
from ..base import GUESSES, copy_to_larger
from ..precision import Precision
from .cache import OnnxCache, check_room
from .decoder import ELEMENTS, Decoder
from .files import PARTS, component_file, needed_files
from .plan import ComponentPrecisions, choose_plan, describe_plan, int8_vision_is_exact
from .session import create_session, provider_for, releasing, runtime_errors, stoppable
from .table import TokenTable

BATCHED = ("fp32", "fp16")
"""Precisions in which tiles may share a call: elsewhere one tile would set another's scale."""


CHUNK = 512
"""Tokens a decoder call gets: as quick as all at once, and its working memory is bounded."""


class OnnxBackend:
    """Tower, token table and decoder as ONNX Runtime sessions. Not thread-safe.

    Attributes:
        precision: which files it runs: "int8", or "vision=int8,embed=int8,decoder=q4".
    """

    name = "onnx"
    runs_static = False
    """Whether its vision tower may be in `STATIC`."""
    tiles_per_batch = 1  # on two cores a tile alone is as quick as in company, and smaller

    def __init__(
        self,
        vision: Any,
        table: TokenTable,
        decoder: Decoder,
        config: ModelConfig,
        plan: ComponentPrecisions,
        device: str,
    ) -> None:
        self.device = device
        self.encodes_beside = device == "cpu"
        self.precision = describe_plan(plan)
        self._batched = plan["vision"] in BATCHED
        self._vision, self._table = vision, table
        self.decoder: Any = decoder
        self.config = config
        self._pixels = {item.name: item for item in vision.get_inputs()}
        self._releasing = releasing(device)
        is_exact = plan["decoder"] == "fp32" and device == "cpu"
        self.most_guesses = GUESSES if is_exact and decoder.shared and decoder.scores_each else 0
        self._closed = False

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> OnnxBackend:
        """Fetch and load the three graphs.

        Args:
            device: "auto" (the CPU), "cpu", "cuda" or "cuda:N".

        Raises:
            BadOptions: an unknown precision, component or device.
            ModelNotFound: the checkpoint has no such files.
            ModelInvalid: a file is damaged or is not the graph its name says.
            BackendUnavailable: ONNX Runtime or the device's provider is not installed.
        """
        plan = choose_plan(
            checkpoint.files,
            precision,
            checkpoint.id,
            lambda name: int8_vision_is_exact(checkpoint.folder / name, this_cpu()),
            static=cls.runs_static,
        )
        device, _ = provider_for(device)
        give_back_large_blocks()
        checkpoint.fetch(needed_files(checkpoint.files, plan))
        paths = [checkpoint.folder / component_file(PARTS[part], plan[part]) for part in PARTS]
        vision = cls.open_vision(paths[0], device, threads)
        embed, decoder = (create_session(path, device, threads) for path in paths[1:])
        checkpoint.confirm()
        config = checkpoint.config
        _check_names(vision, "vision_encoder", {"pixel_values"}, "image_features")
        _check_names(embed, "embed_tokens", {"input_ids"}, "inputs_embeds")
        reader = Decoder(decoder, config.text.vocab_size, device)
        return cls(vision, TokenTable(embed, paths[1], device), reader, config, plan, device)

    @classmethod
    def open_vision(cls, path: Path, device: str, threads: int | None) -> Any:
        """The vision tower at `path` as a session; the openvino backend has its own."""
        return create_session(path, device, threads)

    def encode(self, tiles: Tiles) -> Features:
        self._check_open()
        step = len(tiles) if self._batched else 1
        parts = [self._encode(tiles[start : start + step]) for start in range(0, len(tiles), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def create_cache(self, capacity: int) -> OnnxCache:
        self._check_open()
        return self.decoder.create_cache(capacity)

    def forward(
        self, token_ids: TokenIds, cache: OnnxCache, features: Sequence[Features] = ()
    ) -> Logits:
        self._check_open()
        check_room(cache, len(token_ids))
        logits: Logits = np.empty(0, np.float32)
        for embeds in self._embeddings(token_ids, features):
            logits = self.decoder.forward(embeds, cache)
        return logits

    def step(self, token_ids: TokenIds, caches: Sequence[OnnxCache]) -> NDArray[np.float32]:
        self._check_open()
        embeds = self.embed(token_ids)[:, None]
        return self.decoder.step(embeds.astype(self.decoder.embeds_type, copy=False), caches)

    def verify(self, token_ids: TokenIds, cache: OnnxCache) -> NDArray[np.float32]:
        self._check_open()
        embeds = self.embed(token_ids)[None]
        return self.decoder.verify(embeds.astype(self.decoder.embeds_type, copy=False), cache)

    def read_cache(self, cache: OnnxCache, start: int, stop: int) -> NDArray[Any]:
        self._check_open()
        return self.decoder.read_cache(cache, start, stop)

    def write_cache(self, cache: OnnxCache, block: NDArray[Any]) -> None:
        self._check_open()
        self.decoder.write_cache(cache, block)

    def truncate_cache(self, cache: OnnxCache, length: int) -> None:
        self._check_open()
        self.decoder.truncate_cache(cache, length)

    def grow_cache(self, cache: OnnxCache, capacity: int) -> OnnxCache:
        return copy_to_larger(self, cache, capacity)

    def release_cache(self, cache: OnnxCache) -> None:
        if not self._closed:
            self.decoder.release_cache(cache)

    def _embeddings(
        self, token_ids: TokenIds, features: Sequence[Features]
    ) -> Iterator[NDArray[np.floating[Any]]]:
        """What the decoder reads for `token_ids`, (1, at most CHUNK, hidden) at a time."""
        rows = [part.reshape(-1, part.shape[-1]) for part in features]
        image = np.concatenate(rows) if rows else None
        used = 0
        for start in range(0, len(token_ids), CHUNK):
            ids = token_ids[start : start + CHUNK]
            embeds = self.embed(ids)
            if image is not None:
                places = ids == self.config.image_token_id
                count = int(np.count_nonzero(places))
                embeds[places] = image[used : used + count]
                used += count
            yield embeds[None].astype(self.decoder.embeds_type, copy=False)

    def embed(self, token_ids: TokenIds) -> NDArray[np.floating[Any]]:
        """Rows of the token table for ids (L,): (L, hidden)."""
        return self._table.rows(token_ids)

    def close(self) -> None:
        self._closed = True
        self._vision = self.decoder = None
        self._table.close()

    def _encode(self, tiles: Tiles) -> NDArray[np.float32]:
        pixels = tiles[None].astype(ELEMENTS[self._pixels["pixel_values"].type], copy=False)
        feed: dict[str, Any] = {"pixel_values": np.ascontiguousarray(pixels)}
        if "pixel_attention_mask" in self._pixels:
            feed["pixel_attention_mask"] = np.ones((1, len(tiles), *tiles.shape[2:]), np.bool_)
        with stoppable(self._releasing) as options:
            found = _run(self._vision, "vision_encoder", feed, options)
        expected = (len(tiles), self.config.image.tokens_per_tile, self.config.text.hidden_size)
        if found.size != np.prod(expected):
            raise ModelInvalid(
                f"the vision encoder returns {found.shape} for {len(tiles)} tiles, not {expected}",
                "Fetch or export the files again.",
            )
        return found.reshape(expected).astype(np.float32, copy=False)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the onnx backend was closed", "Load the checkpoint again.")


def _run(session: Any, component: str, feed: dict[str, Any], options: Any = None) -> NDArray[Any]:
    """The first output of a session."""
    try:
        return session.run(None, feed, options)[0]
    except runtime_errors() as error:
        raise ModelError(
            f"{component} failed ({str(error)[:300]})",
            "Export the checkpoint again, or use another precision or backend.",
        ) from error


def _check_names(session: Any, component: str, needed: set[str], output: str) -> None:
    inputs = {item.name for item in session.get_inputs()}
    outputs = {item.name for item in session.get_outputs()}
    known = needed | {"pixel_attention_mask"}
    if not (needed <= inputs <= known) or output not in outputs:
        raise ModelInvalid(
            f"{component} has inputs {sorted(inputs)} and outputs {sorted(outputs)}, not "
            f"{sorted(needed)} and {output}",
            "Use the files of a SmolVLM repository or of `smolvlm export`.",
        )

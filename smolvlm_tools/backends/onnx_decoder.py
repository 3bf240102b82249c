"""Runs a decoder graph of any of the known forms; knows its inputs and caches, not token ids.

Two forms of cache exist. Every graph can return its keys and values one call longer (`growing`).
Graphs made of GroupQueryAttention whose lengths come from the attention mask can also work on a
buffer of fixed capacity, bound as past and present at once (`shared`): nothing is copied per token.
Which of the two a graph allows is not declared anywhere, so `Decoder` tries it on three tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadPrompt, ModelError, ModelInvalid
from .onnx_cache import GrowingCache, OnnxCache, SharedCache
from .onnx_session import runtime, runtime_errors

ELEMENTS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
CHUNK = 256
"""Tokens per call where the graph returns logits for all of them: bounds logits and scores."""
PROBE_CAPACITY = 8
PROBE_TOLERANCE = 1e-2

Embeddings = NDArray[np.floating[Any]]


class Decoder:
    """One decoder session and how to feed it.

    Args:
        session: ONNX Runtime session of a `decoder_model_merged` graph.
        vocabulary: size of the logits' last axis.

    Raises:
        ModelInvalid: the graph's inputs and outputs are not those of a decoder, or its first
            tokens give NaN.
    """

    def __init__(self, session: Any, vocabulary: int) -> None:
        self._session = session
        self._vocabulary = vocabulary
        self._inputs = {item.name: item for item in session.get_inputs()}
        self._outputs = {item.name: item for item in session.get_outputs()}
        self._past = [name for name in self._inputs if name.startswith("past_key_values.")]
        self._present = [name.replace("past_key_values", "present") for name in self._past]
        self._check_contract()
        shape = self._inputs[self._past[0]].shape
        self._kv_heads, self._head_dim = int(shape[1]), int(shape[3])
        self._kv_type = ELEMENTS[self._inputs[self._past[0]].type]
        self.embeds_type = ELEMENTS[self._inputs["inputs_embeds"].type]
        self._hidden = int(self._inputs["inputs_embeds"].shape[2])
        self._last_only = self._outputs["logits"].shape[1] == 1
        self.shared = self._probe()

    def create_cache(self, capacity: int) -> OnnxCache:
        """An empty cache for `capacity` tokens, in the best form that the graph allows."""
        return self._shared_cache(capacity) if self.shared else self._growing_cache(capacity)

    def forward(self, embeds: Embeddings, cache: OnnxCache) -> NDArray[np.float32]:
        """Append `embeds` (1, L, hidden) to `cache`; logits (vocab,) after the last of them."""
        length = embeds.shape[1]
        if cache.length + length > cache.capacity:
            raise BadPrompt(
                f"{cache.length + length} tokens do not fit a cache of {cache.capacity}",
                "Ask for a cache that holds prompt and answer.",
            )
        last = 0 if self._last_only else (length - 1) // CHUNK * CHUNK
        for start in range(0, last, CHUNK):
            self._call(embeds[:, start : start + CHUNK], cache)
        return self._call(embeds[:, last:], cache)

    def _call(self, embeds: Embeddings, cache: OnnxCache) -> NDArray[np.float32]:
        try:
            if isinstance(cache, SharedCache):
                logits = self._call_shared(embeds, cache)
            else:
                logits = self._call_growing(embeds, cache)
        except runtime_errors() as error:
            raise ModelError(
                f"the decoder failed ({str(error)[:300]})",
                "Export the checkpoint again, or use another precision or backend.",
            ) from error
        cache.length += embeds.shape[1]
        return logits.astype(np.float32, copy=False)

    def _call_shared(self, embeds: Embeddings, cache: SharedCache) -> NDArray[Any]:
        end = cache.length + embeds.shape[1]
        binding = cache.binding
        binding.bind_cpu_input("inputs_embeds", embeds)
        binding.bind_cpu_input("attention_mask", cache.mask[:, :end])
        if "position_ids" in self._inputs:
            binding.bind_cpu_input("position_ids", np.arange(cache.length, end)[None])
        if cache.logits is None:
            binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(binding)
        if cache.logits is not None:
            return cache.logits[0, 0].copy()
        found = next(
            value
            for name, value in zip(self._outputs, binding.get_outputs(), strict=True)
            if name == "logits"
        )
        return found.numpy()[0, -1]

    def _call_growing(self, embeds: Embeddings, cache: GrowingCache) -> NDArray[Any]:
        end = cache.length + embeds.shape[1]
        value = runtime().OrtValue.ortvalue_from_numpy
        feed = dict(zip(self._past, cache.states, strict=True))
        feed["inputs_embeds"] = value(np.ascontiguousarray(embeds))
        if "attention_mask" in self._inputs:
            feed["attention_mask"] = value(np.ones((1, end), np.int64))
        if "position_ids" in self._inputs:
            feed["position_ids"] = value(np.arange(cache.length, end)[None])
        outputs = self._session.run_with_ort_values(["logits", *self._present], feed)
        cache.states = list(outputs[1:])
        return outputs[0].numpy()[0, -1]

    def _growing_cache(self, capacity: int) -> GrowingCache:
        shape = (1, self._kv_heads, 0, self._head_dim)
        empty = runtime().OrtValue.ortvalue_from_numpy(np.zeros(shape, self._kv_type))
        return GrowingCache(capacity, [empty] * len(self._past))

    def _shared_cache(self, capacity: int, fill: float = 0.0) -> SharedCache:
        shape = (1, self._kv_heads, capacity, self._head_dim)
        value = runtime().OrtValue.ortvalue_from_numpy
        states = [value(self._buffer(shape, fill)) for _ in self._past]
        binding = self._session.io_binding()
        for past, present, state in zip(self._past, self._present, states, strict=True):
            binding.bind_ortvalue_input(past, state)
            binding.bind_ortvalue_output(present, state)
        logits = None
        if self._last_only and self._outputs["logits"].type == "tensor(float)":
            logits = np.zeros((1, 1, self._vocabulary), np.float32)
            binding.bind_ortvalue_output("logits", value(logits))
        mask = np.ones((1, capacity), np.int64)
        return SharedCache(capacity, states, binding, mask, logits)

    def _buffer(self, shape: tuple[int, ...], fill: float) -> NDArray[Any]:
        # Zeroed memory takes no room before it is written to, however large the token budget.
        return np.full(shape, fill, self._kv_type) if fill else np.zeros(shape, self._kv_type)

    def _probe(self) -> bool:
        """Whether the shared form gives the logits of the growing one; checks for NaN as well."""
        rng = np.random.default_rng(0)
        embeds = rng.standard_normal((1, 3, self._hidden)).astype(self.embeds_type)
        growing = self._growing_cache(PROBE_CAPACITY)
        try:
            self._call(embeds[:, :2], growing)
            expected = self._call(embeds[:, 2:], growing)
        except ModelError as error:
            raise ModelInvalid(error.reason, "Fetch or export the files again.") from error
        if expected.shape != (self._vocabulary,) or not np.isfinite(expected).all():
            raise ModelInvalid(
                f"the decoder returns {expected.shape} logits with "
                f"{int((~np.isfinite(expected)).sum())} NaN or infinite ones",
                "Fetch or export the files again.",
            )
        if "attention_mask" not in self._inputs:
            return False
        try:
            shared = self._shared_cache(PROBE_CAPACITY, fill=3.0)  # unused columns must not count
            self._call(embeds[:, :2], shared)
            found = self._call(embeds[:, 2:], shared)
        except ModelError:  # the graph wants presents longer than the buffer
            return False
        scale = float(np.abs(expected).max())
        return bool(np.abs(found - expected).max() <= PROBE_TOLERANCE * scale)

    def _check_contract(self) -> None:
        known = {"inputs_embeds", "attention_mask", "position_ids", *self._past}
        missing = {"inputs_embeds", "logits", *self._present} - {*self._inputs, *self._outputs}
        strange = set(self._inputs) - known
        wrong = [n for n in ("inputs_embeds", *self._past) if not _is_usable(self._inputs.get(n))]
        if missing or strange or wrong or not self._past:
            raise ModelInvalid(
                "the decoder graph is not in the hub's form: "
                f"missing {sorted(missing)[:3] or 'nothing'}, "
                f"unknown {sorted([*strange, *wrong])[:3] or 'nothing'}, "
                f"{len(self._past)} past keys and values",
                "Use the files of a SmolVLM repository or of `smolvlm export`.",
            )


def _is_usable(value: Any) -> bool:
    """Whether an input has a type that is known here and a last axis of known size."""
    return value is None or (value.type in ELEMENTS and isinstance(value.shape[-1], int))

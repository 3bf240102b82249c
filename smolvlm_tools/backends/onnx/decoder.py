"""Runs a decoder graph of any of the known forms.

Two forms of cache exist. Every graph can return its keys and values one call longer (`growing`).
Graphs made of GroupQueryAttention whose lengths come from the attention mask can also work on a
buffer of fixed capacity, bound as past and present at once (`shared`): nothing is copied per token,
and sequences of different lengths can lie in its rows and take a step together (`batched`).
Which of these a graph allows is not declared anywhere, so `Decoder` tries it on a few tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError, ModelInvalid
from .cache import Arena, GrowingCache, OnnxCache, SharedCache, check_room
from .files import LOGITS_KEPT
from .session import releasing, runtime, runtime_errors, stoppable

ELEMENTS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
PROBE_CAPACITY = 8
PROBE_TOLERANCE = 1e-2

Embeddings = NDArray[np.floating[Any]]


class Decoder:
    """One decoder session and how to feed it.

    Raises:
        ModelInvalid: the graph's inputs and outputs are not those of a decoder, or its first
            tokens give NaN.
    """

    def __init__(self, session: Any, vocabulary: int, device: str = "cpu") -> None:
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
        options = {item.name for item in session.get_overridable_initializers()}
        self._counts_kept = LOGITS_KEPT in options
        self._last_only = self._outputs["logits"].shape[1] == 1
        self.scores_each = self._counts_kept or not self._last_only
        self._scored = ELEMENTS[self._outputs["logits"].type]
        self._releasing = releasing(device)
        self._arena = Arena(len(self._past), self._kv_heads, self._head_dim, self._kv_type)
        self._bindings: dict[tuple[int, int], Any] = {}
        self._bound = self._arena.version
        self.shared, self.batched = self._probe()

    def create_cache(self, capacity: int) -> OnnxCache:
        """An empty cache for `capacity` tokens, in the best form that the graph allows."""
        return self._arena.add(capacity) if self.shared else self._growing_cache(capacity)

    def release_cache(self, cache: OnnxCache) -> None:
        """Give a cache's memory back. Twice does no harm."""
        if isinstance(cache, SharedCache):
            self._arena.remove(cache)
        else:
            cache.states, cache.released = [], True

    def read_cache(self, cache: OnnxCache, start: int, stop: int) -> NDArray[Any]:
        """A copy of positions [start, stop): (2 * layers, kv_heads, stop - start, head_dim)."""
        check_room(cache, 0)
        if isinstance(cache, SharedCache):
            return self._arena.read(cache, start, stop)
        return np.stack([state.numpy()[0, :, start:stop] for state in cache.states])

    def truncate_cache(self, cache: OnnxCache, length: int) -> None:
        """Forget all but the first `length` tokens; what a shared row holds behind is masked."""
        check_room(cache, 0)
        cache.length = length
        if isinstance(cache, GrowingCache):
            value = runtime().OrtValue.ortvalue_from_numpy
            # A copy in any case: what `numpy` gives dies with the OrtValue.
            cut = [state.numpy()[:, :, :length].copy() for state in cache.states]
            cache.states = [value(state) for state in cut]

    def write_cache(self, cache: OnnxCache, block: NDArray[Any]) -> None:
        """Append what `read_cache` gave."""
        check_room(cache, block.shape[2])
        if isinstance(cache, SharedCache):
            self._arena.write(cache, block)
            return
        value = runtime().OrtValue.ortvalue_from_numpy
        cache.states = [
            value(np.concatenate([state.numpy(), values[None]], axis=2))
            for state, values in zip(cache.states, block, strict=True)
        ]
        cache.length += block.shape[2]

    def forward(self, embeds: Embeddings, cache: OnnxCache) -> NDArray[np.float32]:
        """Append `embeds` (1, L, hidden) to `cache`; logits (vocab,) after the last of them."""
        check_room(cache, embeds.shape[1])
        return self._call(embeds, [cache])[0, -1]

    def verify(self, embeds: Embeddings, cache: OnnxCache) -> NDArray[np.float32]:
        """As `forward`; logits (L, vocab) after each, where the graph `scores_each`."""
        check_room(cache, embeds.shape[1])
        return self._call(embeds, [cache], embeds.shape[1])[0]

    def step(self, embeds: Embeddings, caches: Sequence[OnnxCache]) -> NDArray[np.float32]:
        """Append row b of `embeds` (B, 1, hidden) to cache b; logits (B, vocab) after each."""
        for cache in caches:
            check_room(cache, 1)
        if len(caches) == 1 or (self.shared and self.batched):
            return self._call(embeds, caches)[:, -1]
        rows = [
            self._call(embeds[row : row + 1], caches[row : row + 1])[:, -1]
            for row in range(len(caches))
        ]
        return np.concatenate(rows)

    def _call(
        self, embeds: Embeddings, caches: Sequence[OnnxCache], kept: int = 1
    ) -> NDArray[np.float32]:
        """Append embeds (B, L, hidden) to B caches; logits (B, kept, vocab) after the last ones."""
        try:
            if isinstance(caches[0], SharedCache):
                logits = self._call_shared(embeds, cast("Sequence[SharedCache]", caches), kept)
            else:
                logits = self._call_growing(embeds, caches[0], kept)
        except runtime_errors() as error:
            raise ModelError(
                f"the decoder failed ({str(error)[:300]})",
                "Export the checkpoint again, or use another precision or backend.",
            ) from error
        for cache in caches:
            cache.length += embeds.shape[1]
        return logits[:, -kept:].astype(np.float32, copy=False)

    def _call_shared(
        self, embeds: Embeddings, caches: Sequence[SharedCache], kept: int
    ) -> NDArray[Any]:
        start = self._arena.gather(caches)
        batch, length = embeds.shape[:2]
        rows = [cache.row - start for cache in caches]
        if rows != list(range(batch)):
            ordered = np.empty_like(embeds)
            ordered[rows] = embeds
            embeds = ordered
        lengths = np.empty(batch, np.int64)
        lengths[rows] = [cache.length for cache in caches]
        binding = self._binding(start, batch)
        binding.bind_cpu_input("inputs_embeds", np.ascontiguousarray(embeds))
        columns = np.arange(int(lengths.max()) + length)
        mask = (columns < (lengths + length)[:, None]).astype(np.int64)
        binding.bind_cpu_input("attention_mask", mask)
        if "position_ids" in self._inputs:
            positions = lengths[:, None] + np.arange(length)
            binding.bind_cpu_input("position_ids", positions)
        if self._counts_kept:
            number = runtime().OrtValue.ortvalue_from_numpy(np.array(kept, np.int64))
            binding.bind_ortvalue_input(LOGITS_KEPT, number)
        scored = kept if self._counts_kept else 1 if self._last_only else length
        logits = np.empty((batch, scored, self._vocabulary), self._scored)
        pointer = logits.ctypes.data
        binding.bind_output("logits", "cpu", 0, self._scored, logits.shape, pointer)
        if length == 1:
            self._session.run_with_iobinding(binding, None)
        else:
            with stoppable(self._releasing) as options:
                self._session.run_with_iobinding(binding, options)
        return logits[rows]

    def _binding(self, start: int, batch: int) -> Any:
        """The arena's rows [start, start + batch) bound as both past and present."""
        arena = self._arena
        if self._bound != arena.version:
            self._bindings.clear()
            self._bound = arena.version
        found = self._bindings.get((start, batch))
        if found is not None:
            return found
        binding = self._session.io_binding()
        shape = (batch, *arena.shape[1:])
        names = zip(self._past, self._present, arena.buffers, strict=True)
        for past, present, buffer in names:
            pointer = buffer.ctypes.data + start * arena.row_bytes
            binding.bind_input(past, "cpu", 0, self._kv_type, shape, pointer)
            binding.bind_output(present, "cpu", 0, self._kv_type, shape, pointer)
        self._bindings[start, batch] = binding
        return binding

    def _call_growing(self, embeds: Embeddings, cache: GrowingCache, kept: int) -> NDArray[Any]:
        end = cache.length + embeds.shape[1]
        value = runtime().OrtValue.ortvalue_from_numpy
        feed = dict(zip(self._past, cache.states, strict=True))
        feed["inputs_embeds"] = value(np.ascontiguousarray(embeds))
        if "attention_mask" in self._inputs:
            feed["attention_mask"] = value(np.ones((1, end), np.int64))
        if "position_ids" in self._inputs:
            feed["position_ids"] = value(np.arange(cache.length, end)[None])
        if self._counts_kept:
            feed[LOGITS_KEPT] = value(np.array(kept, np.int64))
        with stoppable(runtime().RunOptions()) as options:
            outputs = self._session.run_with_ort_values(["logits", *self._present], feed, options)
        cache.states = list(outputs[1:])
        return outputs[0].numpy()

    def _growing_cache(self, capacity: int) -> GrowingCache:
        shape = (1, self._kv_heads, 0, self._head_dim)
        empty = runtime().OrtValue.ortvalue_from_numpy(np.zeros(shape, self._kv_type))
        return GrowingCache(capacity, [empty] * len(self._past))

    def _probe(self) -> tuple[bool, bool]:
        """Whether shared buffers, and several rows at once, give the growing form's logits."""
        rng = np.random.default_rng(0)
        embeds = rng.standard_normal((1, 4, self._hidden)).astype(self.embeds_type)
        growing = self._growing_cache(PROBE_CAPACITY)
        try:
            self._call(embeds[:, :3], [growing])
            expected = self._call(embeds[:, 3:], [growing])[0, -1]
        except ModelError as error:
            raise ModelInvalid(error.reason, "Fetch or export the files again.") from error
        if expected.shape != (self._vocabulary,) or not np.isfinite(expected).all():
            raise ModelInvalid(
                f"the decoder returns {expected.shape} logits with "
                f"{int((~np.isfinite(expected)).sum())} NaN or infinite ones",
                "Fetch or export the files again.",
            )
        if "attention_mask" not in self._inputs:
            return False, False
        long, short = (self._arena.add(PROBE_CAPACITY) for _ in range(2))
        for buffer in self._arena.buffers:
            buffer[:, :, : 2 * PROBE_CAPACITY] = 3.0  # unused columns must not count
        try:
            self._call(embeds[:, :3], [long])
            self._call(embeds[:, 1:2], [short])
            if not _close(self._call(embeds[:, 3:], [long])[0, -1], expected):
                return False, False
            long.length -= 1
            both = self._call(embeds[0, [3, 2], None], [long, short])
            short.length -= 1
            alone = self._call(embeds[:, 2:3], [short])
            return True, _close(both[0], expected) and _close(both[1], alone[0])
        except ModelError:  # the graph wants presents longer than the buffer
            return False, False
        finally:
            for cache in (long, short):
                self._arena.remove(cache)

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


def _close(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return bool(np.abs(found - expected).max() <= PROBE_TOLERANCE * np.abs(expected).max())

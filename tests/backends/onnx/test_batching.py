"""Shared decode steps of the ONNX backend: rows of one arena, or one sequence after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools.backends.onnx import backend as onnx_backend
from smolvlm_tools.backends.onnx.backend import OnnxBackend
from smolvlm_tools.backends.onnx.cache import COLUMNS, Arena
from smolvlm_tools.errors import BadPrompt
from smolvlm_tools.export import export_checkpoint
from tests.support.onnx_exports import load

PRECISIONS = ("fp32", "int8", "q4")
LENGTHS = (5, 17, 2, 40)


@pytest.fixture(scope="module")
def fused(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fused")
    export_checkpoint(tiny_a, out, PRECISIONS)
    return out


@pytest.fixture(scope="module")
def plain(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain")
    export_checkpoint(tiny_a, out, ("fp32",), fused=False)
    return out


@pytest.fixture(params=[*PRECISIONS, "growing", "plain"])
def backend(request: pytest.FixtureRequest, fused: Path, plain: Path) -> OnnxBackend:
    """Every precision with shared buffers, and both kinds of graph without."""
    if request.param == "plain":
        return load(plain, "fp32")
    backend = load(fused, "fp32" if request.param == "growing" else request.param)
    if request.param == "growing":
        backend.decoder.shared = False
    return backend


def prompt(seed: int, length: int) -> Any:
    return np.random.default_rng(seed).integers(3, 90, length)


class Sequence:
    """A prompt and what greedy decoding makes of it."""

    def __init__(self, backend: OnnxBackend, seed: int, length: int, capacity: int = 60) -> None:
        self.cache = backend.create_cache(capacity)
        self.scores = [backend.forward(prompt(seed, length), self.cache)]

    @property
    def token(self) -> int:
        return int(self.scores[-1].argmax())

    @property
    def tokens(self) -> list[int]:
        return [int(scores.argmax()) for scores in self.scores]


def step(backend: OnnxBackend, sequences: list[Sequence]) -> None:
    tokens = np.array([s.token for s in sequences])
    logits = backend.step(tokens, [s.cache for s in sequences])
    assert logits.shape == (len(sequences), backend.config.text.vocab_size)
    assert logits.dtype == np.float32
    for sequence, scores in zip(sequences, logits, strict=True):
        sequence.scores.append(scores)


def alone(backend: OnnxBackend, seed: int, length: int, steps: int) -> list[Any]:
    """Logits of one sequence, token by token, with `forward`."""
    sequence = Sequence(backend, seed, length)
    for _ in range(steps):
        token = np.array([sequence.token])
        sequence.scores.append(backend.forward(token, sequence.cache))
    backend.release_cache(sequence.cache)
    return sequence.scores


def assert_same(sequence: Sequence, expected: list[Any]) -> None:
    expected = expected[: len(sequence.scores)]
    assert sequence.tokens == [int(scores.argmax()) for scores in expected]
    peak = max(float(np.abs(scores).max()) for scores in expected)
    np.testing.assert_allclose(sequence.scores, expected, atol=2e-5 * peak)


def test_shared_steps_equal_each_sequence_alone_in_any_order(backend: OnnxBackend) -> None:
    expected = [alone(backend, seed, length, 8) for seed, length in enumerate(LENGTHS)]
    rows = [Sequence(backend, seed, length) for seed, length in enumerate(LENGTHS)]
    rng = np.random.default_rng(0)
    for _ in range(8):
        step(backend, [rows[i] for i in rng.permutation(len(rows))])
    for row, scores in zip(rows, expected, strict=True):
        assert_same(row, scores)


def test_sequences_join_and_leave_between_two_steps(backend: OnnxBackend) -> None:
    expected = [alone(backend, seed, length, 12) for seed, length in enumerate(LENGTHS)]
    a, b = (Sequence(backend, seed, LENGTHS[seed]) for seed in (0, 1))
    step(backend, [a, b])
    c = Sequence(backend, 2, LENGTHS[2])
    step(backend, [c, a])  # b pauses
    backend.release_cache(a.cache)
    d = Sequence(backend, 3, LENGTHS[3], capacity=COLUMNS + 1)  # all move to larger buffers
    step(backend, [b, d, c])
    step(backend, [d, b])
    backend.release_cache(b.cache)
    step(backend, [d, c])
    step(backend, [c])
    backend.release_cache(c.cache)
    step(backend, [d])
    for row, scores in zip((a, b, c, d), expected, strict=True):
        assert_same(row, scores)


def test_a_sequence_is_the_same_beside_any_neighbours(backend: OnnxBackend) -> None:
    expected = alone(backend, 7, 9, 6)
    for others in ([], [(1, 30)], [(2, 3), (3, 50), (4, 12)]):
        row = Sequence(backend, 7, 9)
        rows = [row, *(Sequence(backend, seed, length) for seed, length in others)]
        for _ in range(6):
            step(backend, rows)
        assert_same(row, expected)
        for each in rows:
            backend.release_cache(each.cache)


def test_a_prefix_read_and_written_back_gives_the_prefills_logits(backend: OnnxBackend) -> None:
    ids = prompt(11, 30)
    whole = backend.create_cache(40)
    expected = backend.forward(ids, whole)
    blocks = [backend.read_cache(whole, *bounds) for bounds in ((0, 7), (7, 19), (19, 29))]
    layers, heads = backend.config.text.layers, backend.config.text.kv_heads
    assert blocks[1].shape == (2 * layers, heads, 12, backend.config.text.head_dim)
    assert blocks[1].nbytes == blocks[1].size * blocks[1].itemsize
    for block in blocks:
        held = block.copy()
        backend.forward(ids[:1], whole)  # a block is a copy: later calls leave it alone
        np.testing.assert_array_equal(block, held)
    again = backend.create_cache(40)
    for block in blocks:
        backend.write_cache(again, block)
    assert again.length == 29
    found = backend.forward(ids[29:], again)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_full_or_released_cache_refuses_tokens_and_changes_nothing(backend: OnnxBackend) -> None:
    full, other = Sequence(backend, 1, 6, capacity=6), Sequence(backend, 2, 4)
    with pytest.raises(BadPrompt, match="cache of 6"):
        step(backend, [other, full])
    assert (full.cache.length, other.cache.length) == (6, 4)
    block = backend.read_cache(other.cache, 0, 2)
    with pytest.raises(BadPrompt, match="cache of 6"):
        backend.write_cache(full.cache, block)
    backend.release_cache(full.cache)
    for use in (
        lambda: backend.forward(np.array([5]), full.cache),
        lambda: backend.write_cache(full.cache, block),
        lambda: backend.read_cache(full.cache, 0, 1),
    ):
        with pytest.raises(BadPrompt, match="released"):
            use()


def test_releasing_twice_or_after_close_does_no_harm(backend: OnnxBackend) -> None:
    expected = alone(backend, 3, 5, 2)
    first, second, third = (Sequence(backend, seed, 5) for seed in (1, 2, 3))
    for _ in range(2):
        backend.release_cache(first.cache)
    step(backend, [second, third])
    step(backend, [third])
    assert_same(third, expected)
    backend.close()
    for row in (first, second, third):
        backend.release_cache(row.cache)


def test_a_step_of_ragged_sequences_is_one_run(fused: Path, monkeypatch: Any) -> None:
    backend = load(fused, "q4")
    rows = [Sequence(backend, seed, length) for seed, length in enumerate(LENGTHS)]
    calls: list[int] = []
    run = backend.decoder._call

    def count(embeds: Any, caches: Any) -> Any:
        calls.append(len(caches))
        return run(embeds, caches)

    monkeypatch.setattr(backend.decoder, "_call", count)
    step(backend, rows)
    assert backend.decoder.batched and calls == [len(rows)]


def filled(arena: Arena, capacity: int, length: int, seed: int) -> tuple[Any, Any]:
    cache = arena.add(capacity)
    block = np.random.default_rng(seed).standard_normal((4, 2, length, 8)).astype(np.float32)
    arena.write(cache, block)
    return cache, block


def test_an_arena_keeps_every_row_through_growth_release_and_gathering() -> None:
    arena = Arena(4, 2, 8, np.float32)
    rng = np.random.default_rng(1)
    live: list[tuple[Any, Any]] = []
    for turn in range(60):
        if live and rng.random() < 0.4:
            arena.remove(live.pop(int(rng.integers(len(live))))[0])
        else:
            capacity = int(rng.integers(1, 3 * COLUMNS))
            live.append(filled(arena, capacity, int(rng.integers(capacity + 1)), turn))
        chosen = [item[0] for item in live if rng.random() < 0.6]
        if chosen:
            start = arena.gather(chosen)
            rows = sorted(cache.row for cache in chosen)
            assert rows == list(range(start, start + len(chosen)))
        for cache, block in live:
            assert cache.row < len(live)
            np.testing.assert_array_equal(arena.read(cache, 0, cache.length), block)


def test_an_empty_arena_holds_no_memory() -> None:
    arena = Arena(4, 2, 8, np.float32)
    rows = [filled(arena, 300, 10, seed)[0] for seed in range(3)]
    assert arena.shape == (3, 2, 2 * COLUMNS, 8)
    for row in rows:
        arena.remove(row)
    assert arena.buffers == [] and arena.shape[0] == 0


def test_a_large_capacity_takes_no_memory_before_it_is_used() -> None:
    arena = Arena(2, 4, 64, np.float32)
    cache = arena.add(2**20)  # 2 GiB if it were written to
    arena.write(cache, np.ones((2, 4, 3, 64), np.float32))
    assert arena.read(cache, 0, 3).sum() == 2 * 4 * 3 * 64


def test_a_prompt_read_in_chunks_gives_the_scores_of_one_pass(backend, monkeypatch):
    whole = Sequence(backend, 3, 50).scores[0]
    monkeypatch.setattr(onnx_backend, "CHUNK", 16)
    chunked = Sequence(backend, 3, 50).scores[0]
    assert np.abs(chunked - whole).max() <= 2e-5 * np.abs(whole).max()

"""Shared steps and caches of the torch backend: what a sequence gets never depends on others."""

from __future__ import annotations

import numpy as np
import pytest

from smolvlm_tools import BackendUnavailable, BadPrompt, ModelError, open_checkpoint
from tests.support import cpus

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

LENGTHS = (3, 17, 1, 40, 9)
STEPS = 6
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def load(folder, precision="fp32", device="cpu"):
    from smolvlm_tools.backends.torch.backend import TorchBackend

    return TorchBackend.load(open_checkpoint(folder), precision, device, None)


def use_arena(backend):
    """Let a CPU backend keep its caches and run its steps as CUDA does, without graphs."""
    from smolvlm_tools.backends.torch.cache import Arena
    from smolvlm_tools.backends.torch.graphs import ArenaSteps

    with torch.inference_mode():
        backend._arena = Arena(backend._text, backend._plan.cache, "cpu")
    backend._steps = ArenaSteps(backend._decoder, backend._arena, capture=False)
    return backend


@pytest.fixture(
    params=["rows", "arena", pytest.param("cuda", marks=CUDA)],
)
def backend(request, tiny):
    kind = request.param
    loaded = load(tiny, device="cuda" if kind == "cuda" else "cpu")
    yield use_arena(loaded) if kind == "arena" else loaded
    loaded.close()


def prompt(length, seed=0):
    return np.random.default_rng(seed).integers(0, 300, length, dtype=np.int64)


def alone(backend, ids, steps=STEPS, capacity=None):
    """Greedy tokens and last logits of one sequence, token by token with `forward`."""
    cache = backend.create_cache(capacity or len(ids) + steps)
    logits = backend.forward(ids, cache)
    tokens = []
    for _ in range(steps):
        tokens.append(int(logits.argmax()))
        logits = backend.forward(np.array(tokens[-1:]), cache)
    backend.release_cache(cache)
    return tokens, logits


def together(backend, caches, logits, steps=STEPS):
    tokens = [[] for _ in caches]
    for _ in range(steps):
        chosen = logits.argmax(1)
        for said, token in zip(tokens, chosen, strict=True):
            said.append(int(token))
        logits = backend.step(chosen, caches)
    return tokens, logits


def start(backend, ids, capacity):
    cache = backend.create_cache(capacity)
    return cache, backend.forward(ids, cache)


def test_a_step_over_ragged_sequences_gives_each_what_it_gets_alone(backend):
    prompts = [prompt(length, seed) for seed, length in enumerate(LENGTHS)]
    expected = [alone(backend, ids) for ids in prompts]
    started = [start(backend, ids, len(ids) + STEPS + n) for n, ids in enumerate(prompts)]
    caches = [cache for cache, _ in started]
    tokens, logits = together(backend, caches, np.stack([first for _, first in started]))
    assert tokens == [said for said, _ in expected]
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, np.stack([last for _, last in expected]), atol=1e-4)
    assert [cache.length for cache in caches] == [length + STEPS for length in LENGTHS]


def test_sequences_join_and_leave_between_steps(backend):
    first, second, third = (prompt(length, length) for length in (5, 12, 30))
    expected = {n: alone(backend, ids)[0] for n, ids in enumerate((first, second, third))}
    caches, said, logits = {}, {0: [], 1: [], 2: []}, {}
    for moment in range(3 * STEPS):
        for n, ids in enumerate((first, second, third)):
            if moment == 2 * n:  # while the others are in the middle of their replies
                caches[n], logits[n] = start(backend, ids, len(ids) + STEPS)
        chosen = {n: int(logits[n].argmax()) for n in caches}
        for n, token in chosen.items():
            said[n].append(token)
        if caches:
            found = backend.step(np.array(list(chosen.values())), [caches[n] for n in chosen])
            logits |= dict(zip(chosen, found, strict=True))
        for n in [n for n in caches if len(said[n]) == STEPS]:
            backend.release_cache(caches.pop(n))
    assert said == expected


def test_a_longer_sequence_that_joins_leaves_the_others_as_they_were(backend):
    ids = prompt(10)
    expected, _ = alone(backend, ids)
    cache, logits = start(backend, ids, 10 + STEPS)
    long, _ = start(backend, prompt(700), 2000)
    tokens, _ = together(backend, [cache, long], np.stack([logits, logits]))
    assert tokens[0] == expected


def test_what_is_read_from_a_cache_and_written_to_another_continues_the_same(backend):
    ids = prompt(25)
    expected, _ = alone(backend, ids)
    cache, _ = start(backend, ids, 25)
    config = backend._text
    block = backend.read_cache(cache, 0, 20)
    assert block.shape == (2 * config.layers, config.kv_heads, 20, config.head_dim)
    assert block.nbytes == block.numel() * block.element_size()
    parts = [backend.read_cache(cache, 0, 7), backend.read_cache(cache, 7, 20)]
    backend.release_cache(cache)  # a block is a copy
    for blocks in ([block], parts):
        copy = backend.create_cache(25 + STEPS)
        for part in blocks:
            backend.write_cache(copy, part)
        assert copy.length == 20
        assert torch.equal(backend.read_cache(copy, 0, 20), block)
        logits = backend.forward(ids[20:], copy)
        assert together(backend, [copy], logits[None])[0] == [expected]


def test_a_prompt_in_parts_gives_the_scores_of_the_whole(backend, monkeypatch):
    from smolvlm_tools.backends.torch import decoder as torch_decoder

    ids = prompt(50)
    _, whole = start(backend, ids, 50)
    monkeypatch.setattr(torch_decoder, "CHUNK", 16)
    _, parts = start(backend, ids, 50)
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_a_released_cache_is_unusable_and_may_be_released_again(backend):
    cache, _ = start(backend, prompt(4), 10)
    other, logits = start(backend, prompt(4), 10)
    backend.release_cache(cache)
    backend.release_cache(cache)
    for use in (
        lambda: backend.forward(prompt(1), cache),
        lambda: backend.step(np.array([1, 1]), [other, cache]),
        lambda: backend.read_cache(cache, 0, 1),
    ):
        with pytest.raises(ModelError, match="released"):
            use()
    assert other.length == 4  # a refused step changes nobody
    assert together(backend, [other], logits[None])[0] == [alone(backend, prompt(4))[0]]


def test_more_than_the_capacity_is_refused_and_changes_nothing(backend):
    cache, _ = start(backend, prompt(8), 10)
    roomy, _ = start(backend, prompt(8), 30)
    block = backend.read_cache(roomy, 0, 8)
    for use in (
        lambda: backend.forward(prompt(3), cache),
        lambda: backend.write_cache(cache, block),
    ):
        with pytest.raises(BadPrompt, match="10"):
            use()
    for _ in range(2):
        backend.step(np.array([1, 2]), [cache, roomy])
    with pytest.raises(BadPrompt, match="10"):
        backend.step(np.array([2, 1]), [roomy, cache])
    assert (cache.length, roomy.length) == (10, 10)


def test_rows_of_the_arena_are_used_again(tiny_a):
    backend = use_arena(load(tiny_a))
    for _ in range(20):
        caches = [backend.create_cache(100) for _ in range(3)]
        for cache in caches:
            backend.release_cache(cache)
    assert backend._arena.states.shape[0] == 4
    backend.close()


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.02), ("int8", 0.05), ("q4", 0.35)])
def test_smaller_precisions_stay_close_to_full_scores(tiny, precision, bound):
    ids, found = prompt(60), {}
    for name in ("fp32", precision):
        backend = load(tiny, name)
        cache, many = start(backend, ids, 70)  # above FEW_ROWS
        few = backend.forward(ids[:8], cache)
        alone = backend.step(ids[:1], [cache])[0]
        found[name] = np.stack([many, few, alone])
        backend.close()
    difference = np.linalg.norm(found[precision] - found["fp32"], axis=1)
    assert (difference / np.linalg.norm(found["fp32"], axis=1) < bound).all()
    assert (difference > 0).all()


@pytest.mark.parametrize("precision", ["bf16", "fp16", "int8", "q4"])
def test_neighbours_set_nobodys_scale(tiny, precision):
    backend = load(tiny, precision)
    caches = [start(backend, prompt(9), 20)[0] for _ in range(2)]
    loud, _ = start(backend, prompt(40, seed=5), 60)
    beside = backend.step(np.array([7, 9]), [caches[0], loud])[0]
    alone = backend.step(np.array([7]), caches[1:])[0]
    assert np.linalg.norm(beside - alone) < 0.01 * np.linalg.norm(alone)
    backend.close()


@pytest.mark.parametrize("cpu", cpus.BOTH)
def test_what_was_quantized_is_what_is_multiplied(cpu):
    from smolvlm_tools.backends.torch.formats.linear import FEW_ROWS, make_matrix
    from smolvlm_tools.backends.torch.names import parse_kinds
    from smolvlm_tools.backends.torch.plan import make_plan

    generator = torch.Generator().manual_seed(1)
    for outputs, inputs in ((300, 64), (100, 112)):  # the second fits neither groups nor blocks
        weight = torch.randn((outputs, inputs), generator=generator)
        bias = torch.randn(outputs, generator=generator)
        x = torch.randn((FEW_ROWS + 1, inputs), generator=generator)
        for precision, bound in (("bf16", 0.01), ("fp16", 0.01), ("int8", 0.02), ("q4", 0.15)):
            plan = make_plan(parse_kinds(precision), "cpu", cpus.BOTH[cpu])
            matrix = make_matrix(weight, bias, precision, plan)
            exact = x @ weight.t() + bias
            many, few = matrix(x), matrix(x[:FEW_ROWS])
            one = torch.cat([matrix(row[None]) for row in x])
            assert (many.float() - exact).norm() < bound * exact.norm()
            assert (few.float() - many[:FEW_ROWS].float()).norm() < 0.01 * exact.norm()
            assert (one.float() - many.float()).norm() < 0.01 * exact.norm()


def test_q4_is_more_exact_than_its_step_everywhere():
    from smolvlm_tools.backends.torch.formats.packed import GROUP, quantize_groups

    weight = torch.randn((64, 96), generator=torch.Generator().manual_seed(2))
    weight[0, :GROUP] = 0.0
    weight[1, :GROUP] = 3.0
    codes, scales = quantize_groups(weight)
    step, zero = (part.repeat_interleave(GROUP, 1).float() for part in scales.unbind(2))
    assert codes.min() >= 0 and codes.max() <= 15
    error = ((codes.float() - 8) * step + zero - weight).abs()
    assert (error <= 0.55 * step + 0.01 * weight.abs()).all()


@pytest.mark.parametrize("precision", ["int8", "q4"])
def test_quantized_precisions_are_refused_off_the_cpu(precision):
    from smolvlm_tools.backends.torch.names import parse_kinds
    from smolvlm_tools.backends.torch.plan import make_plan

    with pytest.raises(BackendUnavailable, match=precision):
        make_plan(parse_kinds(precision), "cuda:0")


def test_processors_with_bfloat16_instructions_compute_in_it(each_cpu, tiny_a):
    from smolvlm_tools.backends.torch.names import auto_kind, parse_kinds
    from smolvlm_tools.backends.torch.plan import make_plan

    expected = torch.bfloat16 if each_cpu.bf16_products else torch.float32
    for precision in ("bf16", "int8", "q4"):
        assert make_plan(parse_kinds(precision), "cpu").activations == expected
    backend = load(tiny_a, "q4")
    full = load(tiny_a)
    found, exact = (start(b, prompt(60), 60)[1] for b in (backend, full))
    assert np.linalg.norm(found - exact) < 0.35 * np.linalg.norm(exact)
    assert (auto_kind("cpu"), auto_kind("mps")) == ("bf16", "fp16")


@CUDA
def test_graphs_are_captured_once_per_size(tiny_a):
    backend = load(tiny_a, "bf16", "cuda")
    caches = [start(backend, prompt(5), 100)[0] for _ in range(3)]
    for _ in range(4):
        backend.step(np.array([1, 2, 3]), caches)
        backend.step(np.array([1]), caches[:1])
    assert sorted(backend._steps._captured) == [(1, 512), (4, 512)]
    backend.close()

"""Memory that runs out is a typed error, and the engine goes on."""

from __future__ import annotations

import pytest

from smolvlm_tools import (
    ImageNotFound,
    ModelError,
    OutOfMemoryBudget,
    SmolVLM,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.engine import loading
from smolvlm_tools.machine.exhaustion import ran_out
from tests.support.memory import looking_at, picture
from tests.support.requests import HELLO


class RunsOut(FakeBackend):
    """Runs out of memory at `stage`, so many times."""

    tiles_per_batch = 4

    def arm(self, stage: str, times: int, error: type[Exception] = MemoryError) -> RunsOut:
        self.stage, self.times, self.error = stage, times, error
        self.batches: list[int] = []
        return self

    def _maybe(self, stage: str) -> None:
        if stage == self.stage and self.times:
            self.times -= 1
            raise self.error("no memory")

    def encode(self, tiles):
        self.batches.append(len(tiles))
        self._maybe("vision")
        return super().encode(tiles)

    def create_cache(self, capacity):
        self._maybe("cache")
        return super().create_cache(capacity)

    def forward(self, token_ids, cache, features=()):
        self._maybe("prefill")
        return super().forward(token_ids, cache, features)

    def step(self, token_ids, caches):
        self._maybe("decode")
        return super().step(token_ids, caches)

    def read_cache(self, cache, start, stop):
        self._maybe("remember")
        return super().read_cache(cache, start, stop)


@pytest.mark.parametrize("stage", ["cache", "prefill", "decode", "remember"])
def test_memory_that_runs_out_is_a_typed_error_and_leaves_the_engine_usable(checkpoint, stage):
    backend = RunsOut.saying(checkpoint, " a red circle").arm("nothing", 0)
    with SmolVLM(checkpoint, backend) as vlm:
        expected = vlm.generate(looking_at(picture(64)))
        backend.arm(stage, 1)
        with pytest.raises(OutOfMemoryBudget, match="memory ran out"):
            vlm.generate(looking_at(picture(64, seed=1)))
        assert vlm._pipeline.caches.nbytes == 0
        assert vlm.generate(looking_at(picture(64))).text == expected.text
        assert vlm.generate(looking_at(picture(64))).usage.cached_tiles == expected.usage.tiles


def test_the_micro_batch_is_halved_once_and_the_result_says_so(checkpoint):
    backend = RunsOut.saying(checkpoint, " a red circle").arm("vision", 1)
    with SmolVLM(checkpoint, backend) as vlm:
        result = vlm.generate(looking_at(picture(128)))
        assert backend.batches == [4, 2, 2, 2, 2, 2, 2, 2, 2, 1]
        assert result.flags == ("halved_micro_batch",)
        assert vlm.generate(looking_at(picture(128, seed=1))).flags == ()
        backend.arm("vision", 2)
        with pytest.raises(OutOfMemoryBudget):
            vlm.generate(looking_at(picture(128, seed=2)))
        assert vlm.generate(looking_at(picture(128, seed=2))).flags == ()


def test_other_failures_are_not_taken_for_a_lack_of_memory(checkpoint):
    backend = RunsOut.saying(checkpoint, " a").arm("prefill", 1, ZeroDivisionError)
    with SmolVLM(checkpoint, backend) as vlm, pytest.raises(ZeroDivisionError):
        vlm.generate(HELLO)


def test_memory_that_runs_out_while_loading_is_a_typed_error(embedded, monkeypatch):
    def run_out(*_):
        raise MemoryError

    monkeypatch.setattr(loading, "load_backend", run_out)
    with pytest.raises(OutOfMemoryBudget, match="while loading smolvlm-embedded"):
        SmolVLM.load(embedded)


def test_a_file_with_an_unlucky_name_is_just_not_there(embedded):
    with SmolVLM.load(embedded) as vlm, pytest.raises(ImageNotFound):
        vlm.describe("out of memory.png")


@pytest.mark.parametrize(
    "text",
    [
        "[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer",
        "std::bad_alloc",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_what_runtimes_say_when_memory_runs_out_is_understood(text):
    assert ran_out(ModelError(f"the decoder failed ({text})"))
    assert not ran_out(ModelError("the decoder failed (shapes do not match)"))

"""The runs of the GPU checks: without a device, and on CUDA where it is."""

from __future__ import annotations

import pytest
from PIL import Image

from benchmarks.gpu import runs as gpu_runs
from benchmarks.gpu.memory import CudaGpu, DriverReading
from benchmarks.gpu.runs import RUNS, Wanted, all_runs, compare
from benchmarks.gpu.task import GpuTask
from benchmarks.gpu.verdicts import judge
from benchmarks.prompts import image_files
from smolvlm_tools import BackendUnavailable, OutOfMemoryBudget

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

MB = 10**6
NO_CUDA = f"torch {torch.__version__} finds no CUDA device on this machine"
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_CUDA)


class FakeGpu:
    """A device that is empty, and has no memory for what is squeezed."""

    def __init__(self) -> None:
        self.squeezed: list[int] = []

    def allocated(self) -> int:
        return 0

    def peak(self) -> int:
        return 7 * MB

    def reserved(self) -> int:
        return 9 * MB

    def reset(self) -> None:
        pass

    def refuses(self, size: int) -> bool:
        return True

    def squeeze(self, room: int) -> None:
        self.squeezed.append(room)
        raise MemoryError

    def release(self) -> None:
        pass

    def driver(self) -> DriverReading:
        return DriverReading(None, "nobody")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Small ones with the names of the real ones, which take seconds to draw."""
    folder = tmp_path_factory.mktemp("pictures")
    images = image_files(folder)
    picture = Image.effect_noise((200, 160), 60)
    for path in (*images.pages, *images.small, images.photo, images.icon, images.square):
        picture.save(path)
        picture = picture.rotate(20)
    return folder


@pytest.fixture
def run(embedded, pictures):
    from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER

    def run(group, argument, device="cpu", gpu=None):
        gpu = gpu or FakeGpu()
        return RUNS[group](GpuTask(EMBEDDED_FOLDER, image_files(pictures), device, argument, gpu))

    return run


# The runs, on a CPU with a device that is not there


def test_memory_is_read_after_loading_and_after_each_page(run):
    found = run("memory", "bf16")
    assert found["peaks"] == [7 * MB] * 3
    assert all(usage["tiles"] > 1 for usage in found["requests"])
    rows = {row.name: row for row in judge({Wanted("memory", "bf16"): found})}
    peak = rows["bf16, page: allocator's peak, activations included"]
    assert peak.passed and peak.wanted == "< 1000 MB"


def test_every_stage_runs_out_of_memory_and_the_next_answer_is_the_same(run):
    gpu = FakeGpu()
    found = run("exhaust", "fp32", gpu=gpu)
    rows = judge({Wanted("exhaust", "fp32"): found})
    assert [row.passed for row in rows] == [True, True, True, True, None]
    assert {stage["error"] for stage in found["stages"].values()} == {"OutOfMemoryBudget"}
    assert len(gpu.squeezed) >= 4


def test_a_refused_budget_is_followed_by_the_one_it_names(run, monkeypatch):
    load = GpuTask.load
    asked = []

    def once(task, memory_budget):
        asked.append(memory_budget)
        if len(asked) == 1:
            raise OutOfMemoryBudget("too small", "", 10**10)
        return load(task, memory_budget=memory_budget)

    monkeypatch.setattr(GpuTask, "load", once)
    found = run("budget", "150MB")
    assert asked == ["150MB", 10**10]
    assert found["budget"] == 10**10
    rows = judge({Wanted("budget", "150MB"): found})
    assert all(row.passed for row in rows), rows


def test_greedy_tokens_of_one_device_are_its_own(run):
    found = run("parity", "fp32")
    assert all(row.passed for row in judge({Wanted("parity", "fp32"): found}))


def test_eight_requests_are_timed_one_by_one_and_together(run, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.speed.TOGETHER_TOKENS", 4)
    monkeypatch.setattr("benchmarks.gpu.speed.TOGETHER_RUNS", 1)
    found = run("together", "fp32")
    assert set(found) == {"one_by_one", "together"}
    assert judge({Wanted("together", "fp32"): found})[0].measured


@pytest.mark.parametrize("engine", ["ours", "ours without graphs", "transformers, static cache"])
def test_every_engine_is_timed(run, monkeypatch, engine):
    speed = "benchmarks.gpu.speed"
    for name, number in (("WARM_UPS", 0), ("RUNS", 1), ("NEW_TOKENS", 5)):
        monkeypatch.setattr(f"{speed}.{name}", number)
    answer = run("speed", engine)
    assert answer["decode_tokens_per_s"] > 0
    assert judge({Wanted("speed", engine): answer})[0].measured


def test_scores_of_a_precision_are_compared_with_those_of_bf16(run, monkeypatch):
    monkeypatch.setattr(gpu_runs, "POSITIONS", 12)
    found = run("kinds", "int8")
    assert found["agreement"] > 0.8 and found["cosine"] > 0.98


def test_scores_agree_with_themselves_whatever_is_added_to_all_of_them():
    import numpy as np

    logits = np.random.default_rng(0).normal(size=(4, 50))
    found = compare(logits, logits + 3.0)
    assert found["agreement"] == 1.0 and found["cosine"] == pytest.approx(1.0)


# With a GPU


@pytest.fixture
def cuda(run):
    def on_cuda(group, argument):
        return run(group, argument, "cuda:0", CudaGpu("cuda:0"))

    return on_cuda


@pytest.mark.gpu
@needs_cuda
def test_cuda_keeps_to_a_budget_and_to_its_prediction(cuda):
    found = cuda("budget", "1GB")
    rows = judge({Wanted("budget", "1GB"): found})
    assert not [row for row in rows if row.passed is False]
    for usage in found["requests"]:
        assert usage["peak"] <= usage["predicted"]


@pytest.mark.gpu
@needs_cuda
def test_cuda_runs_out_of_memory_in_every_stage_and_goes_on(cuda):
    rows = judge({Wanted("exhaust", "bf16"): cuda("exhaust", "bf16")})
    assert not [row for row in rows if row.passed is False]


@pytest.mark.gpu
@needs_cuda
def test_cuda_says_in_float32_what_a_cpu_says(cuda):
    rows = judge({Wanted("parity", "fp32"): cuda("parity", "fp32")})
    assert not [row for row in rows if row.passed is False]


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("kind", [wanted.argument for wanted in all_runs(["kinds"])])
def test_quantized_kinds_on_cuda_answer_like_bf16_or_are_refused_by_name(cuda, kind):
    rows = judge({Wanted("kinds", kind): cuda("kinds", kind)})
    assert not [row for row in rows if row.passed is False]


@pytest.mark.gpu
@needs_cuda
def test_the_process_on_cuda_is_larger_than_its_tensors(cuda):
    found = cuda("memory", "bf16")
    assert found["driver"] is None or found["driver"] > found["loaded"]


def test_a_budget_for_a_device_that_is_not_there_is_a_typed_error(embedded):
    from smolvlm_tools import SmolVLM

    with pytest.raises(BackendUnavailable, match="cuda:63"):
        SmolVLM.load(embedded, backend="torch", device="cuda:63", memory_budget="1GB")

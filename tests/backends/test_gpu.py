"""The GPU checks: their judgement on any machine, and the checks themselves where CUDA is."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from benchmarks import gpu_check
from benchmarks.gpu import memory as gpu_memory
from benchmarks.gpu import runs as gpu_runs
from benchmarks.gpu.memory import CudaGpu, DriverReading
from benchmarks.gpu.runs import RUNS, Wanted, all_runs, compare
from benchmarks.gpu.speed import NEW_TOKENS, time_replies
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
    for path in (*images.pages, images.photo, images.icon, images.square):
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


def test_scores_of_a_precision_are_compared_with_those_of_bf16(run, monkeypatch):
    monkeypatch.setattr(gpu_runs, "POSITIONS", 12)
    found = run("kinds", "int8")
    assert found["agreement"] > 0.8 and found["cosine"] > 0.98


def test_scores_agree_with_themselves_whatever_is_added_to_all_of_them():
    import numpy as np

    logits = np.random.default_rng(0).normal(size=(4, 50))
    found = compare(logits, logits + 3.0)
    assert found["agreement"] == 1.0 and found["cosine"] == pytest.approx(1.0)


def test_decode_speed_is_what_a_long_reply_takes_beyond_a_short_one(monkeypatch):
    now = [0.0]

    def reply(count):
        now[0] += 0.5 + 0.01 * (count - 1)
        return 33

    monkeypatch.setattr("benchmarks.gpu.speed.time.perf_counter", lambda: now[0])
    found = time_replies(reply, lambda: None, runs=5)
    assert found["first_token_s"] == pytest.approx(0.5)
    assert found["decode_tokens_per_s"] == pytest.approx(100)
    assert [len(taken) for taken in found["seconds"].values()] == [5, 5]
    assert NEW_TOKENS > 100


# What the driver says


def test_a_process_is_found_by_its_number_or_by_being_the_only_one(monkeypatch):
    monkeypatch.setattr(gpu_memory.os, "getpid", lambda: 7)
    find = gpu_memory.find_process
    assert find([(6, 1), (7, 2)]) == DriverReading(2, "nvidia-smi, this process")
    assert find([(6, 1)]) == DriverReading(1, "nvidia-smi, the only process on the device")
    assert find([(6, 1), (8, 2)]) is None
    assert find([(7, None)]) is None


def test_what_nvidia_smi_prints_is_read(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "GPU-ab-c, 1234"\necho "GPU-d, [N/A]"\n')
    program.chmod(0o755)
    monkeypatch.setattr(gpu_memory.shutil, "which", lambda name: str(program))
    assert gpu_memory.smi_used_by_uuid() == {"ab-c": 1234 << 20}
    program.write_text("#!/bin/sh\nexit 9\n")
    assert gpu_memory.smi_used_by_uuid() == {}
    assert gpu_memory.smi_process("ab-c") is None


# Judgement


def speed(first, rate):
    return {"first_token_s": first, "decode_tokens_per_s": rate, "prompt_tokens": 1141, "runs": 7}


@pytest.mark.parametrize(("first", "rate", "passed"), [(0.5, 100, True), (0.7, 70, False)])
def test_speed_is_judged_against_transformers_in_the_same_run(first, rate, passed):
    answers = {
        Wanted("speed", "ours"): speed(first, rate),
        Wanted("speed", "transformers"): speed(1.0, 30),
    }
    rows = {row.name: row.passed for row in judge(answers)}
    assert rows["· the same prompt"] is True
    assert rows["· decode against transformers"] is passed
    assert rows["· first token against transformers"] is passed


def memory_answer(peak, predicted, measured):
    request = {"predicted": predicted, "peak": measured}
    return {
        "peaks": [peak],
        "loaded": 1,
        "reserved": 2,
        "requests": [request],
        "driver": 3,
        "driver_source": "test",
    }


@pytest.mark.parametrize(
    ("predicted", "passed"), [(99, False), (100, True), (125, True), (126, False)]
)
def test_a_prediction_is_never_below_and_at_most_a_quarter_above(predicted, passed):
    answer = memory_answer(100, predicted, 100)
    last = judge({Wanted("memory", "bf16"): answer})[-1]
    assert last.passed is passed


def test_quantized_kinds_have_to_take_less_than_bf16():
    answers = {
        Wanted("memory", "bf16"): memory_answer(100, 110, 100),
        Wanted("memory", "bnb-nf4"): memory_answer(90, 95, 90),
        Wanted("memory", "bnb-int8"): memory_answer(101, 110, 101),
    }
    rows = {row.name: row.passed for row in judge(answers)}
    assert rows["bnb-nf4, page: allocator's peak"] is True
    assert rows["bnb-int8, page: allocator's peak"] is False


def test_a_run_that_failed_is_a_failed_check_unless_a_library_is_not_there():
    broken, missing = {"error": "crashed"}, {"error": "no kernel", "code": "backend_unavailable"}
    rows = judge(
        {
            Wanted("parity", "fp32"): broken,
            Wanted("memory", "quanto-int8"): missing,
            Wanted("memory", "bf16"): missing,
        }
    )
    assert [row.passed for row in rows] == [False, None, False]


# The command


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_gpu_the_command_says_so(tmp_path, capsys):
    assert gpu_check.main([str(tmp_path)]) == 4
    assert "no device 'cuda:0'" in capsys.readouterr().err


def test_unknown_checks_are_refused(tmp_path, capsys):
    assert gpu_check.main([str(tmp_path), "--only", "speeed"]) == 2
    assert "speeed" in capsys.readouterr().err


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """A GPU whose every run answers what `answers` holds."""
    (tmp_path / "model.safetensors").touch()
    calls = []

    def run_once(wanted, folder, images, device):
        calls.append(wanted)
        return memory_answer(100, 110, 100)

    facts = {"gpu": "Pretended [1]", "gpu_bytes": 1, "cuda": "0"}
    monkeypatch.setattr(gpu_check, "check_device", lambda device: facts)
    monkeypatch.setattr(gpu_check, "run_once", run_once)
    monkeypatch.setattr(gpu_check, "write_pictures", lambda folder: None)
    monkeypatch.setattr(gpu_check, "RESULTS", tmp_path / "results")
    return calls


def test_the_table_is_printed_and_an_interrupted_run_goes_on(pretend, tmp_path, capsys):
    command = [str(tmp_path), "--only", "memory"]
    assert gpu_check.main(command) == 1  # no quantized kind took less
    printed = capsys.readouterr().out
    assert "Pretended [1]" in printed and "FAIL" in printed and "pass" in printed
    runs = len(pretend)
    assert runs == len(all_runs(["memory"]))
    assert gpu_check.main([*command, "--resume", "--json"]) == 1
    assert len(pretend) == runs
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {"name", "wanted", "measured", "passed"} == set(checks[0])


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

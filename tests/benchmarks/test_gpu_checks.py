"""The judgement of the GPU checks, on any machine."""

from __future__ import annotations

import json

import pytest

from benchmarks import gpu_check
from benchmarks.gpu import memory as gpu_memory
from benchmarks.gpu.memory import DriverReading
from benchmarks.gpu.runs import Wanted, all_runs
from benchmarks.gpu.speed import NEW_TOKENS, time_replies
from benchmarks.gpu.verdicts import judge

torch = pytest.importorskip("torch", reason="the extra torch is not installed")


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
    page = {"prompt_tokens": 1141, "runs": 7, "graphs": 1}
    return page | {"first_token_s": first, "decode_tokens_per_s": rate}


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


@pytest.mark.parametrize("graphs", [0, 2])
def test_steps_have_to_be_graphs_and_other_ways_are_shown_beside(graphs):
    answers = {
        Wanted("speed", "ours"): speed(0.5, 100) | {"graphs": graphs},
        Wanted("speed", "ours without graphs"): speed(0.5, 25),
        Wanted("speed", "transformers, static cache"): speed(0.5, 50),
    }
    rows = {row.name: row for row in judge(answers)}
    assert rows["· its steps are CUDA graphs"].passed is (graphs > 0)
    told = [row.measured for row in judge(answers) if row.name == "· decode of ours against it"]
    assert told == ["4.00 ×", "2.00 ×"]


@pytest.mark.parametrize(("together", "passed"), [(0.6, True), (0.7, False)])
def test_eight_together_have_to_be_quicker(together, passed):
    answers = {Wanted("together", "bf16"): {"one_by_one": 1.0, "together": together}}
    assert [row.passed for row in judge(answers)] == [passed]


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

"""The benchmark measures every row on every engine that loads, and says why others do not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from benchmarks import bench, process
from benchmarks.limits import floors, work_of
from benchmarks.machine import machine_facts
from benchmarks.prompts import Images, write_images
from benchmarks.record import Record
from benchmarks.speed import schedule
from benchmarks.speed.bars import judge
from benchmarks.speed.engines import BF16, DEFAULT, FP32, FULL_ENGINES, LEAN, LLAMA, check_engine
from benchmarks.speed.measure import GROUPS, Task
from benchmarks.speed.plot import write_plot
from benchmarks.speed.report import BEGIN, END, as_json, markdown, print_report, write_markdown
from benchmarks.speed.rows import ROWS, Column
from benchmarks.speed.schedule import FULL, QUICK, Job, jobs, run_benchmark
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BackendUnavailable, BadOptions, ModelNotFound

OURS = "torch:fp32"
SAMPLED = [row.key for row in ROWS if row.ratio is None]
ONE_ROUND = replace(QUICK, rounds=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return write_images(tmp_path_factory.mktemp("images"))


def made_up(engine: str, scale: float) -> Column:
    return Column(engine, {key: [scale, 3 * scale, 2 * scale] for key in SAMPLED})


def printed(columns: list[Column]) -> str:
    output = io.StringIO()
    print_report(Console(width=60, file=output), columns, {"cpu": "a [fast] one"}, {})
    return output.getvalue()


def run(
    folder: Path, engines: list[str], plan: schedule.Schedule, record: Path, *, resume: bool = False
) -> list[Column]:
    columns: list[Column] = []
    kept = Record(record, Job, {"engines": engines}, resume=resume)
    run_benchmark(folder, engines, plan, lambda text: None, kept, columns)
    return columns


def test_measuring_fills_every_row_of_our_engines(tiny_a: Path, images: Images) -> None:
    column = Column(OURS, {})
    for measurement in GROUPS.values():
        column.add(measurement(Task(OURS, tiny_a, images)))
    values = {key: column.value(key) for key in SAMPLED if key != "cold"}
    assert all(value is not None and value > 0 for value in values.values()), values
    assert not any(column.is_estimate(key) for key in values)
    assert len(column.samples["second"]) == len(column.samples["icon_auto"]) == 5


def test_a_page_that_would_take_too_long_is_summed_up(tiny_a: Path, images: Images) -> None:
    column = Column(FP32, {})
    column.add(GROUPS["page"](Task(FP32, tiny_a, images, limit=0)))
    column.add({"prefill": [1000.0]})
    assert column.is_estimate("page") and column.is_estimate("peak_page")
    page = column.value("page")
    assert page is not None and page > 17 * min(column.samples["vision"]) + 1.141
    assert "~" in printed([column]) and column.runs("page") == 0


@pytest.mark.slow
def test_a_run_writes_json_markdown_and_a_plot(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    engines = ["torch:fp32", FP32]
    arguments = [str(tiny_a), "--rounds", "1", "--engines", ",".join(engines)]
    files = {name: tmp_path / f"out.{name}" for name in ("json", "markdown", "plot")}
    for name, path in files.items():
        arguments += [f"--{name}", str(path.with_suffix(".png") if name == "plot" else path)]
    assert bench.main(arguments) == 0
    answer = json.loads(files["json"].read_text())
    assert list(answer["engines"]) == engines and answer["limits"]["gemm_gflops"] > 0
    assert answer["engines"][OURS]["median"]["decode_long"] > 0
    assert "| decode after 1141 tokens" in files["markdown"].read_text()
    with Image.open(files["plot"].with_suffix(".png")) as plot:
        assert plot.width > 1000
    assert "round 1 of 1: page, torch:fp32" in capsys.readouterr().err
    # everything is known: resuming measures nothing and prints the same figures
    assert bench.main([*arguments, "--resume"]) == 0
    assert "round" not in capsys.readouterr().err
    assert json.loads(files["json"].read_text())["engines"] == answer["engines"]


def test_an_engine_that_cannot_load_is_reported_and_the_others_go_on(
    tiny_a: Path, tmp_path: Path
) -> None:
    columns = run(tiny_a, ["onnx:q4"], ONE_ROUND, tmp_path / "run.jsonl")
    assert columns[0].error is not None and "no q4 ONNX files" in columns[0].error
    text = printed([*columns, made_up(BF16, 1.0)])
    assert "onnx:q4 was not measured:" in text and "no q4 ONNX files" in text


def test_llama_cpp_without_its_files_says_how_they_are_made(tiny_a: Path, images: Images) -> None:
    with pytest.raises((BackendUnavailable, ModelNotFound)) as caught:
        GROUPS["cold"](Task(LLAMA, tiny_a, images))
    assert "xllamacpp" in str(caught.value) or "benchmarks.checkpoints.gguf" in str(caught.value)


def test_a_worker_that_dies_is_reported(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\necho out of memory >&2\nexit 137\n")
    killed.chmod(0o755)
    monkeypatch.setattr(process.sys, "executable", str(killed))
    columns = run(tiny_a, [OURS], ONE_ROUND, tmp_path / "run.jsonl")
    assert columns[0].error == "its process ended with code 137: out of memory"


def test_engines_take_turns_and_peers_run_their_page_once_in_a_quick_run() -> None:
    order = list(jobs([DEFAULT, LLAMA], replace(QUICK, rounds=2)))
    pages = [(job.number, job.engine) for job in order if job.group == "page"]
    assert pages == [(0, DEFAULT), (0, LLAMA), (1, DEFAULT)]
    decoder = [job.engine for job in order if job.group == "decoder"]
    assert decoder == [DEFAULT, LLAMA, LLAMA, DEFAULT]
    assert {job.engine for job in order if job.group == "together"} == {DEFAULT}
    full = list(jobs([DEFAULT, LLAMA], FULL))
    assert len(full) == FULL.rounds * len(GROUPS) * 2


def test_later_rounds_are_left_out_when_the_budget_is_spent(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Job] = []

    def measure(job: Job, *_: object) -> dict:
        measured.append(job)
        return {"samples": {"load": [1.0]}}

    monkeypatch.setattr(schedule, "measure_once", measure)
    run(tiny_a, [OURS], replace(FULL, rounds=3, budget_s=0), tmp_path / "a.jsonl")
    assert [job.group for job in measured] == list(GROUPS)
    assert {job.number for job in measured} == {0}
    run(tiny_a, [OURS], replace(FULL, rounds=3), tmp_path / "b.jsonl")
    assert len(measured) == 4 * len(GROUPS)


def test_an_interrupted_run_goes_on_where_it_stopped(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Job] = []

    def measure(job: Job, *_: object) -> dict:
        if len(measured) == 4:
            raise KeyboardInterrupt
        measured.append(job)
        return {"samples": {"load": [1.0]}}

    monkeypatch.setattr(schedule, "measure_once", measure)
    record, plan = tmp_path / "run.jsonl", replace(FULL, rounds=1)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_a, [OURS], plan, record)
    before = list(measured)
    measured.clear()
    columns = run(tiny_a, [OURS], plan, record, resume=True)
    assert [job.group for job in before + measured] == list(GROUPS)
    assert columns[0].samples["load"] == [1.0] * len(GROUPS)
    with pytest.raises(BadOptions, match="other engines"):
        run(tiny_a, ["torch:bf16"], plan, record, resume=True)
    with pytest.raises(BadOptions, match="no earlier run"):
        run(tiny_a, [OURS], plan, tmp_path / "none.jsonl", resume=True)


def test_the_tables_show_medians_and_runs() -> None:
    text = printed([made_up(DEFAULT, 1.0), made_up(BF16, 4.0)])
    assert all(row.label in text for row in ROWS)
    assert "2.00 (3)" in text and "8.00 (3)" in text
    assert "a [fast] one" in text


def test_bars_are_judged_by_the_ratio_of_the_medians() -> None:
    columns = [made_up(engine, 1.0) for engine in (DEFAULT, LEAN, BF16, LLAMA)]
    columns[2].samples["page"] = [4.0]  # half of it is ours
    columns[2].samples["decode_long"] = [0.25]  # ours is eight times that
    by_label = {outcome.bar.label: outcome for outcome in judge(columns)}
    page = by_label["page, first token ÷ transformers bf16"]
    assert (page.value, page.reached, page.runs) == (0.5, False, 1)
    columns[2].samples["page"] = [5.0]
    assert judge(columns)[0].reached
    assert by_label["decode after a page ÷ transformers bf16"].reached
    assert by_label["decode after a page ÷ llama.cpp"].verdict == "MISSED"
    assert by_label["the same ÷ transformers fp32"].verdict == "not measured"
    assert by_label["peak RSS, page"].reached  # 2 bytes


def test_json_holds_every_row_the_samples_and_the_bars() -> None:
    answer = as_json([made_up(DEFAULT, 1.0)], {"cpu": "x"}, {"gemm_gflops": 1.0})
    column = answer["engines"][DEFAULT]
    assert list(column["median"]) == [row.key for row in ROWS]
    assert column["samples"]["page"] == [1.0, 3.0, 2.0] and column["estimates"] == []
    assert len(answer["bars"]) == len(judge([]))
    json.dumps(answer)


def test_markdown_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    text = markdown([made_up(DEFAULT, 1.0)], {"cpu": "x"}, {"gemm_gflops": 145.0})
    write_markdown(page, text)
    written = page.read_text()
    assert written.startswith("before\n") and written.endswith("after\n")
    assert "old" not in written and "| page, first token" in written and "145" in written


def test_the_limits_follow_from_the_shapes(reference: Path) -> None:
    config = ModelConfig.from_folder(reference / "SmolVLM-256M-Instruct")
    work = work_of(config)
    assert 0.21e12 < work.tile_flop < 0.22e12
    assert work.step_weights == pytest.approx(134.6e6, rel=0.01)
    assert 0.25e12 < work.prefill_flop < 0.35e12
    limits = floors(config, flops=1e11, bandwidth=25e9)
    assert limits["decode_q4"] > limits["decode_int8"] > limits["decode_fp32"]
    assert limits["page_fp32_s"] > 17 * limits["vision_fp32_s"]


def test_a_plot_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    write_plot(tmp_path / "a.png", [made_up(DEFAULT, 1.0), made_up(BF16, 2.0)], "a machine")
    with Image.open(tmp_path / "a.png") as plot:
        assert plot.format == "PNG"


def test_facts_name_the_processor_and_the_versions() -> None:
    facts = machine_facts()
    assert facts["cpu"] and facts["cores"] >= 1 and facts["packages"]["numpy"]


@pytest.mark.parametrize(
    "name", ["torch", "cuda:fp32", "transformers:fp32", "onnx:a:b", "auto:int8", "llama.cpp", ""]
)
def test_unknown_engines_are_refused(name: str) -> None:
    with pytest.raises(BadOptions, match="unknown engine"):
        check_engine(name)


@pytest.mark.parametrize("name", FULL_ENGINES)
def test_known_engines_are_not(name: str) -> None:
    check_engine(name)


def test_wrong_arguments_end_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main([str(tmp_path)]) == 4
    assert bench.main([str(tmp_path), "--engines", "fast"]) == 2
    assert bench.main([str(tmp_path), "--rounds", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 3

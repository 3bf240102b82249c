"""The benchmark measures every row on every engine that loads, and says why others do not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from tokenizers import Tokenizer

from benchmarks import bench, worker
from benchmarks.bench import QUICK, Schedule, run_benchmark
from benchmarks.engines import FULL_ENGINES, check_engine
from benchmarks.memory import peak_bytes, reset_peak
from benchmarks.prompts import PAGE_SIZE, text_of_length, write_images
from benchmarks.report import as_json, machine_facts, print_table
from benchmarks.rows import LONG_CONTEXT, ROWS, Column
from smolvlm_tools.chat import ChatTemplate
from smolvlm_tools.errors import BadOptions
from smolvlm_tools.types import Message

YARDSTICK = "transformers:bf16:sdpa"
ONE_ROUND = Schedule(rounds=1, page_rounds=1, page_limit_s=600, budget_s=600)


def made_up_samples(scale: float) -> dict[str, list[float]]:
    return {row.key: [scale, 3 * scale, 2 * scale] for row in ROWS} | {"page_tokens": [1141.0]}


def printed(columns: list[Column]) -> str:
    output = io.StringIO()
    print_table(Console(width=60, file=output), columns, {"cpu": "a [fast] one"})
    return output.getvalue()


def assert_all_rows_positive(answer: dict) -> None:
    medians = answer["median"]
    assert list(medians) == [row.key for row in ROWS]
    assert all(value > 0 for value in medians.values()), medians


def test_measuring_fills_every_row(tiny_a: Path, tmp_path: Path) -> None:
    write_images(tmp_path)
    column = Column("torch:fp32", {})
    column.add(worker.measure("torch:fp32", tiny_a, tmp_path, page_limit=600))
    answer = as_json([column], {})["engines"]["torch:fp32"]
    assert_all_rows_positive(answer)
    assert not answer["page_is_summed"]
    assert answer["samples"]["page_tiles"] == [17]


def test_a_page_that_would_take_too_long_is_summed_up(tiny_a: Path, tmp_path: Path) -> None:
    write_images(tmp_path)
    column = Column("torch:fp32", {})
    column.add(worker.measure("torch:fp32", tiny_a, tmp_path, page_limit=1e-9))
    answer = as_json([column], {})["engines"]["torch:fp32"]
    assert_all_rows_positive(answer)
    assert answer["page_is_summed"]
    median = answer["median"]
    assert median["page"] > 17 * min(answer["samples"]["vision"])


@pytest.mark.slow
def test_a_quick_run_prints_one_json_with_all_engines(
    tiny_a: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = ["torch:fp32", "transformers:fp32:sdpa"]
    arguments = [str(tiny_a), "--quick", "--json", "--rounds", "2", "--engines", ",".join(engines)]
    assert bench.main(arguments) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert list(answer["engines"]) == engines
    for engine in engines:
        assert_all_rows_positive(answer["engines"][engine])
        assert len(answer["engines"][engine]["samples"]["decode_long"]) == 2
    tokens = {json.dumps(e["samples"]["page_tokens"]) for e in answer["engines"].values()}
    assert len(tokens) == 1
    assert answer["cores"] >= 1 and answer["cpu"]
    assert "round 2 of 2" in captured.err


def test_an_engine_that_cannot_load_is_reported_and_the_others_go_on(
    tmp_path: Path, tiny_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = run_benchmark(tiny_a, ["onnx:q4"], ONE_ROUND, lambda text: None)
    assert columns[0].error is not None and "no q4 ONNX files" in columns[0].error
    columns.append(Column(YARDSTICK, made_up_samples(1.0)))
    text = printed(columns)
    assert "onnx:q4 was not measured:" in text and "no q4 ONNX files" in text


def test_a_checkpoint_without_its_files_is_reported(tmp_path: Path, tiny_a: Path) -> None:
    for path in tiny_a.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "preprocessor_config.json").unlink()
    columns = run_benchmark(tmp_path, ["torch:fp32"], ONE_ROUND, lambda text: None)
    assert columns[0].error is not None and "preprocessor_config.json" in columns[0].error


def test_a_worker_that_dies_is_reported(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\necho out of memory >&2\nexit 137\n")
    killed.chmod(0o755)
    monkeypatch.setattr(bench.sys, "executable", str(killed))
    columns = run_benchmark(tiny_a, ["torch:fp32"], ONE_ROUND, lambda text: None)
    assert columns[0].error == "its process ended with code 137: out of memory"


def test_later_rounds_are_left_out_when_the_budget_is_spent(
    tiny_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    monkeypatch.setattr(bench, "_measure_once", lambda column, *_: measured.append(column.engine))
    spent = Schedule(rounds=3, page_rounds=1, page_limit_s=1, budget_s=0)
    run_benchmark(tiny_a, ["torch:fp32", "torch:bf16"], spent, lambda text: None)
    assert measured == ["torch:fp32", "torch:bf16"]
    measured.clear()
    run_benchmark(tiny_a, ["torch:fp32", "torch:bf16"], QUICK, lambda text: None)
    there, back = ["torch:fp32", "torch:bf16"], ["torch:bf16", "torch:fp32"]
    assert measured == [*there, *back, *there]


def test_the_table_shows_medians_and_ratios_to_the_best_transformers_column() -> None:
    columns = [
        Column("onnx:int8", made_up_samples(1.0)),
        Column("transformers:fp32:sdpa", made_up_samples(4.0)),
        Column(YARDSTICK, made_up_samples(8.0)),
    ]
    text = printed(columns)
    assert all(row.label in text for row in ROWS)
    assert "2.000 (0.25x)" in text  # vision, less is better: against 4.0
    assert "2.0 (0.12x)" in text  # decode, more is better: against 8.0
    assert "a [fast] one" in text and "1141 prompt tokens" in text
    assert "~" not in text


def test_a_summed_page_is_marked_as_one() -> None:
    samples = made_up_samples(1.0)
    samples["page_summed"] = samples.pop("page")
    text = printed([Column("onnx:int8", samples)])
    assert "~2.00" in text and "~ not run:" in text


def test_facts_name_the_processor_and_the_versions() -> None:
    facts = machine_facts()
    assert facts["cpu"] and facts["packages"]["numpy"]


@pytest.mark.parametrize("name", ["torch", "cuda:fp32", "transformers:fp32", "onnx:a:b", ""])
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


def test_peak_memory_rises_with_an_allocation_and_can_be_reset() -> None:
    before = peak_bytes()
    if before is None or not reset_peak():
        pytest.skip("this kernel shows no VmHWM or does not let us reset it")
    block = bytearray(b"1") * 200_000_000
    high = peak_bytes()
    del block
    reset_peak()
    low = peak_bytes()
    assert high is not None and low is not None
    assert high - low > 150_000_000


def test_the_page_has_the_size_of_one(tmp_path: Path) -> None:
    page, square = write_images(tmp_path)
    with Image.open(page) as first, Image.open(square) as second:
        assert first.size == PAGE_SIZE
        assert max(second.size) <= 512


def test_the_long_text_is_as_long_as_asked(reference: Path) -> None:
    file = reference / "SmolVLM-256M-Instruct" / "tokenizer.json"
    message = Message(role="user", content=text_of_length(file, LONG_CONTEXT))
    chat = ChatTemplate(Tokenizer.from_file(str(file)), image_token_id=49190)
    assert len(chat.build([message], []).token_ids) == LONG_CONTEXT

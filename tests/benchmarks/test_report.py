"""The benchmark's tables, bars, JSON and plots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.limits import floors, work_of
from benchmarks.speed.bars import BF16, DEFAULT, LEAN, LLAMA, judge
from benchmarks.speed.plot import write_plot
from benchmarks.speed.report import BEGIN, END, as_json, markdown, write_markdown
from benchmarks.speed.rows import ROWS
from smolvlm_tools.checkpoint.config import ModelConfig
from tests.support.bench import made_up, printed


def test_the_tables_show_medians_and_runs() -> None:
    text = printed([made_up(DEFAULT, 1.0), made_up(BF16, 4.0)])
    assert all(row.label in text for row in ROWS)
    assert "2.00 (3)" in text and "8.00 (3)" in text
    assert "a [fast] one" in text


def test_bars_are_judged_by_the_ratio_of_the_medians() -> None:
    columns = [made_up(engine, 1.0) for engine in (DEFAULT, LEAN, BF16, LLAMA)]
    columns[2].samples["page"] = [4.0]  # half of it is ours
    columns[2].samples["decode_long"] = [0.25]  # ours is eight times that
    columns[0].plan = "SmolVLM(backend='openvino+onnx')"
    by_label = {outcome.bar.label: outcome for outcome in judge(columns)}
    page = by_label["page, first token ÷ transformers bf16"]
    assert (page.value, page.reached, page.runs) == (0.5, True, 1)
    assert page.bar.limit == 0.5
    columns[0].plan = "SmolVLM(backend='onnx')"
    assert judge(columns)[0].bar.limit == 0.72
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

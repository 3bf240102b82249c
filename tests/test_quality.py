"""The arithmetic and the command of the quality benchmark."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks import quality, reading
from benchmarks.divergence import compare, perplexity
from smolvlm_tools.export import export_checkpoint


def logits(*rows: list[float]) -> np.ndarray:
    """Logits whose softmax is `rows`, shifted so that only differences count."""
    return np.log(np.array(rows, dtype=np.float32)) + np.float32(7)


def test_perplexity_is_the_inverse_geometric_mean_of_the_likelihoods():
    assert perplexity(logits([0.5, 0.5], [0.125, 0.875]), np.array([0, 0])) == pytest.approx(4)


def test_divergence_of_known_distributions_is_the_textbook_value():
    reference = logits([0.5, 0.5], [0.75, 0.25])
    model = logits([0.5, 0.5], [0.25, 0.75])
    found = compare(reference, model, np.array([0, 0]))
    assert found.max_kl == pytest.approx(0.5 * math.log(3), rel=1e-5)
    assert found.mean_kl == pytest.approx(0.25 * math.log(3), rel=1e-5)
    assert found.same_top == 0.5
    assert found.perplexity_rise == pytest.approx(math.sqrt(3) - 1, rel=1e-5)


def test_a_model_does_not_diverge_from_itself():
    rows = np.random.default_rng(0).normal(0, 40, (5, 300)).astype(np.float32)
    found = compare(rows, rows, np.arange(5))
    assert (found.mean_kl, found.max_kl, found.perplexity_rise, found.same_top) == (0, 0, 0, 1)


@pytest.fixture(scope="module")
def quantized(tiny_a, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantized")
    export_checkpoint(tiny_a, folder, ["fp32", "int8"])
    return folder


@pytest.fixture
def short(monkeypatch):
    """The benchmark on few tokens, as the tiny checkpoint's context is short."""
    ids = np.arange(3, 30, dtype=np.int64)
    for module in (quality, reading):
        monkeypatch.setattr(module, "text_ids", lambda checkpoint: ids)
    monkeypatch.setattr(reading, "CONTEXTS", (5, 20))
    monkeypatch.setattr(reading, "PREFILL_STRIDE", 8)


def test_the_command_compares_a_quantized_engine_with_fp32(quantized, short, capsys):
    assert quality.main([str(quantized), "--engines", "onnx:int8", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    reference, int8 = result["engines"]
    assert result["positions"] == 26
    assert reference["text"]["step"]["mean_kl"] == 0
    assert reference["within_bounds"] is True
    assert int8["text"]["step"]["mean_kl"] > 0
    assert int8["feature_error"] > 0
    assert int8["decode"].keys() == {"5", "20"}


def test_parts_can_be_left_out(quantized, short, capsys):
    assert quality.main([str(quantized), "--engines", "onnx:int8", "--parts", "vision"]) == 0
    shown = capsys.readouterr().out
    assert "image features off by" in shown
    assert "perplexity" not in shown.splitlines()[-1]


def test_an_unknown_part_is_refused_by_name(quantized, capsys):
    assert quality.main([str(quantized), "--parts", "smell"]) == 2
    assert "smell" in capsys.readouterr().err

"""Configurations that contradict themselves."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools import (
    ModelInvalid,
)
from smolvlm_tools.checkpoint.config import ModelConfig
from tests.support.checkpoints import build_tiny_checkpoint


@pytest.mark.parametrize(
    "change",
    [
        {"image_mean": [0.5]},
        {"size": {"longest_edge": 0}},
        {"size": {"longest_edge": float("inf")}},
        {"size": 5},
        {"resample": 17},
        {"size": {"longest_edge": 1e308}},
        {"image_std": [0.5, 0.0, 0.5]},
        {"image_mean": [0.5, float("nan"), 0.5]},
        {"rescale_factor": -1},
    ],
)
def test_impossible_image_numbers_are_a_fault_of_the_model(tmp_path, change):
    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)


@pytest.mark.parametrize("change", [{"vision_config": [1]}, {"text_config": "x"}])
def test_config_sections_of_another_kind_are_a_fault_of_the_model(tmp_path, change):
    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)


@pytest.mark.parametrize("section", ["text_config", "vision_config"])
@pytest.mark.parametrize("key", ["hidden_size", "num_attention_heads", "num_hidden_layers"])
@pytest.mark.parametrize("value", [1e308, 2**63, 0, -1, float("nan"), "many"])
def test_a_size_that_no_model_has_is_a_fault_of_the_model(tmp_path, section, key, value):
    with pytest.raises(ModelInvalid):
        _changed(tmp_path, section, {key: value})


@pytest.mark.parametrize(
    "change",
    [
        {"head_dim": 1e308},
        {"num_key_value_heads": 10**9},
        {"vocab_size": 1e308},
        {"max_position_embeddings": 10**18},
        {"num_hidden_layers": 1_000_000},
        {"rms_norm_eps": float("nan")},
        {"rope_theta": float("inf")},
    ],
)
def test_numbers_that_overflow_later_are_refused_when_they_are_read(tmp_path, change):
    with pytest.raises(ModelInvalid, match=next(iter(change))):
        _changed(tmp_path, "text_config", change)


def test_a_configuration_nested_without_end_is_a_fault_of_the_model(tmp_path):
    folder = build_tiny_checkpoint(tmp_path)
    (folder / "config.json").write_text('{"a":' * 100_000)
    with pytest.raises(ModelInvalid, match="not readable JSON"):
        ModelConfig.from_folder(folder)


def _changed(tmp_path, section, change):
    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config[section] |= change
    path.write_text(json.dumps(config))
    ModelConfig.from_folder(folder)

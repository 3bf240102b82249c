"""Configurations that contradict themselves."""

from __future__ import annotations

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
    ],
)
def test_impossible_image_numbers_are_a_fault_of_the_model(tmp_path, change):
    import json

    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)


@pytest.mark.parametrize("change", [{"vision_config": [1]}, {"text_config": "x"}])
def test_config_sections_of_another_kind_are_a_fault_of_the_model(tmp_path, change):
    import json

    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)

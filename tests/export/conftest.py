"""Two checkpoints of one shape, exported to folders of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_tools.export import export_checkpoint
from tests.support.checkpoints import build_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint like `tiny_a` with other weights: every file has the same size."""
    return build_tiny_checkpoint(tmp_path_factory.mktemp("tiny_other"), "a", seed=1)


@pytest.fixture(scope="session")
def other_onnx(tiny_other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other_onnx")
    export_checkpoint(tiny_other, folder, ["fp32"])
    return folder

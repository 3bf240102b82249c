"""Checkpoints and reference files the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints import build_tiny_checkpoint, reference_folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of real configurations and tokenizers."""
    folder = reference_folder()
    if folder is None:
        pytest.skip("no reference files: set SMOLVLM_REFERENCE to their folder")
    return folder


@pytest.fixture(scope="session", params=["a", "b"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint, in each of two odd shapes."""
    return build_tiny_checkpoint(tmp_path_factory.mktemp("tiny"), request.param)


@pytest.fixture(scope="session")
def tiny_a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint of the first shape."""
    return build_tiny_checkpoint(tmp_path_factory.mktemp("tiny_a"), "a")


@pytest.fixture(scope="session")
def tiny_onnx(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fp32 ONNX files of `tiny_a`, and no safetensors."""
    from smolvlm_tools.export import export_checkpoint

    folder = tmp_path_factory.mktemp("tiny_onnx")
    export_checkpoint(tiny_a, folder, ["fp32"])
    return folder


@pytest.fixture(scope="session")
def embedded() -> str:
    """The name of the checkpoint in the package."""
    from smolvlm_tools.checkpoint.aliases import EMBEDDED, EMBEDDED_FOLDER

    if not (EMBEDDED_FOLDER / "config.json").is_file():
        pytest.skip("the embedded checkpoint is not in this tree")
    return EMBEDDED

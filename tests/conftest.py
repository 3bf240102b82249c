"""Checkpoints and reference files the tests share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.tuning import kept
from smolvlm_tools.machine import cpu as cpu_features
from tests.support import cpus
from tests.support.checkpoints import build_tiny_checkpoint, reference_folder

# No test is to fail because the machine is busy with other things.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--cpu avx2` takes the machine's CPU for another one in this process.

    What the libraries take it for is up to them: ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
    in the environment makes torch use no more than AVX2.
    """
    parser.addoption("--cpu", choices=tuple(cpus.BOTH), help="take the CPU for such a one")


@pytest.fixture(scope="session", autouse=True)
def _pretended_cpu(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = request.config.getoption("--cpu")
    if name:
        path = tmp_path_factory.mktemp("cpu") / "cpuinfo"
        path.write_text(cpus.cpuinfo(cpus.BOTH[name]))
        cpu_features.CPUINFO = path


@pytest.fixture(scope="session", autouse=True)
def _no_measurements(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """What the user of this machine has measured with `smolvlm tune` decides about no test."""
    folder = tmp_path_factory.mktemp("measurements")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "folder", lambda: folder)
        yield


@pytest.fixture(params=cpus.BOTH)
def each_cpu(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> cpu_features.CpuFeatures:
    """The product in this process takes the CPU for each of `cpus.BOTH`, one after the other."""
    path = tmp_path / "cpuinfo"
    path.write_text(cpus.cpuinfo(cpus.BOTH[request.param]))
    monkeypatch.setattr(cpu_features, "CPUINFO", path)
    return cpus.BOTH[request.param]


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


@pytest.fixture(scope="module", params=["onnx", "torch"])
def load(request: pytest.FixtureRequest, embedded: str) -> Callable[..., SmolVLM]:
    """Loads the embedded checkpoint in fp32, with each backend."""

    def load(**options: Any) -> SmolVLM:
        return SmolVLM.load(embedded, backend=request.param, precision="fp32", **options)

    return load

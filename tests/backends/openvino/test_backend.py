"""The openvino backend: the same numbers from the same files, and what happens without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smolvlm_tools.backends.choose import choose_backend
from smolvlm_tools.backends.onnx.backend import OnnxBackend
from smolvlm_tools.backends.onnx.files import COMPONENTS, component_file
from smolvlm_tools.backends.openvino.backend import OpenVinoBackend
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.engine.planner import LoadWish, largest_request, open_layouter, plan_load
from smolvlm_tools.errors import (
    BackendUnavailable,
    ModelInvalid,
    ModelNotFound,
    OutOfMemoryBudget,
)
from smolvlm_tools.export import export_checkpoint
from smolvlm_tools.machine import cpu as cpu_features
from smolvlm_tools.machine import packages
from smolvlm_tools.machine.amounts import parse_bytes
from smolvlm_tools.machine.mapped_pages import MAPS, forget_pages
from smolvlm_tools.memory.plan import LoadPlan, Process
from tests.support.onnx_exports import exported, greedy, make_prompt, torch_greedy

PROCESS = Process(80_000_000)
FORMS = {"fused": True, "plain": False}
needs_openvino = pytest.mark.skipif(
    not packages.installed("openvino"), reason="the openvino extra is not installed"
)


def load(folder: Path, precision: str = "auto") -> OpenVinoBackend:
    return OpenVinoBackend.load(exported(folder), precision, "cpu", threads=1)  # type: ignore[return-value]


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(found - truth).mean() / np.abs(truth).mean())


@pytest.fixture(scope="module", params=FORMS)
def folder(
    request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("openvino")
    export_checkpoint(tiny, out, ("fp32", "int8", "q4"), fused=FORMS[request.param])
    return out


@needs_openvino
def test_fp32_gives_transformers_tokens_for_several_tiles(tiny: Path, folder: Path) -> None:
    backend = load(folder, "fp32")
    assert (backend.name, backend.device, backend.precision) == ("openvino", "cpu", "fp32")
    ids, tiles = make_prompt(backend.config, 3)
    assert greedy(backend, ids, tiles, 8) == torch_greedy(tiny, ids, tiles, 8)


@needs_openvino
def test_every_precision_reads_the_files_of_the_onnx_backend(folder: Path) -> None:
    _, tiles = make_prompt(load(folder, "fp32").config, 2)
    truth = OnnxBackend.load(exported(folder), "fp32", "cpu").encode(tiles)
    for precision, bound in {"fp32": 1e-5, "int8": 0.05, "q4": 0.3}.items():
        features = load(folder, precision).encode(tiles)
        assert features.shape == truth.shape and features.dtype == np.float32
        assert relative(features, truth) < bound


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "int8", "q4"])
def test_a_tile_is_the_same_alone_and_beside_much_brighter_ones(
    folder: Path, precision: str
) -> None:
    backend = load(folder, precision)
    _, tiles = make_prompt(backend.config, 3)
    tiles[1:] *= 50
    together = backend.encode(tiles)
    np.testing.assert_array_equal(together[:1], backend.encode(tiles[:1]))


@needs_openvino
def test_products_of_the_int8_file_keep_integer_weights(tiny: Path, tmp_path: Path) -> None:
    export_checkpoint(tiny, tmp_path, ("int8",))
    from smolvlm_tools.backends.openvino.graph import read_graph
    from smolvlm_tools.backends.openvino.session import import_openvino

    core = import_openvino().Core()
    model = read_graph(core, tmp_path / "onnx" / "vision_encoder_int8.onnx")
    products = [op for op in model.get_ordered_ops() if op.get_type_name() == "MatMul"]
    layers = exported(tmp_path).config.vision.layers
    assert len(products) == 6 * layers + 1
    for product in products:
        scaled = product.input_value(1).get_node()
        levels = scaled.input_value(0).get_node().input_value(0)
        assert scaled.get_type_name() == "Multiply"
        assert levels.get_element_type().get_type_name() == "i8"


@needs_openvino
def test_a_damaged_graph_is_named_with_a_remedy(tiny: Path, tmp_path: Path) -> None:
    export_checkpoint(tiny, tmp_path, ("fp32",))
    (tmp_path / MANIFEST).unlink()
    path = tmp_path / "onnx" / "vision_encoder.onnx"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelInvalid, match=r"vision_encoder\.onnx") as caught:
        load(tmp_path)
    assert "export" in caught.value.remedy


@needs_openvino
def test_importing_openvino_sends_and_writes_nothing(tmp_path: Path) -> None:
    """By itself the package reports its import and keeps a client id in the home directory."""
    code = (
        "import sys; from smolvlm_tools.backends.openvino.session import import_openvino as go;"
        "go().Core(); assert not any(n.startswith('openvino_telemetry') for n in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_openvino_the_error_says_how_to_get_it(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_checkpoint(tiny_a, tmp_path, ("int8",))
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendUnavailable, match="openvino") as caught:
        load(tmp_path)
    assert "smolvlm-tools[openvino]" in caught.value.remedy


def test_another_device_than_the_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="cuda"):
        OpenVinoBackend.open_vision(tmp_path / "vision_encoder.onnx", "cuda:0", None)


@needs_openvino
def test_a_missing_vision_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"vision_encoder\.onnx"):
        OpenVinoBackend.open_vision(tmp_path / "vision_encoder.onnx", "cpu", None)


@pytest.mark.parametrize("precision", ["auto", "int8", "fp32", "vision=fp32,decoder=int8"])
def test_installing_openvino_changes_nothing_by_itself(
    tiny_a: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    each_cpu: cpu_features.CpuFeatures,
    precision: str,
) -> None:
    export_checkpoint(tiny_a, tmp_path / "out", ("fp32", "int8"))
    checkpoint = open_checkpoint(tmp_path / "out")
    for there in (True, False):
        monkeypatch.setattr(packages, "installed", lambda *names: there or "openvino" not in names)  # noqa: B023
        assert choose_backend(checkpoint, precision, "cpu") == "onnx"


@pytest.mark.parametrize("budget", ["450MB", "600MB", "900MB"])
@pytest.mark.parametrize("size", ["SmolVLM-256M-Instruct", "SmolVLM-500M-Instruct"])
def test_under_a_budget_plans_with_openvino_installed_are_the_lean_ones(
    reference: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    each_cpu: cpu_features.CpuFeatures,
    size: str,
    budget: str,
) -> None:
    folder = tmp_path / size
    (folder / "onnx").mkdir(parents=True)
    for file in (reference / size).iterdir():
        if file.suffix == ".json":
            (folder / file.name).write_bytes(file.read_bytes())
    tokenizer = reference / "SmolVLM-256M-Instruct" / "tokenizer.json"  # the 500M's is the same
    (folder / tokenizer.name).write_bytes(tokenizer.read_bytes())
    for component in COMPONENTS:  # only their names are looked at
        for precision in ("fp32", "int8", "q4"):
            (folder / component_file(component, precision)).touch()
    reader = open_layouter(open_checkpoint(folder), None, CacheLimits())
    plans: list[LoadPlan | int | None] = []
    for there in (True, False):
        monkeypatch.setattr(packages, "installed", lambda *names: there or "openvino" not in names)  # noqa: B023
        try:
            request = largest_request(reader, "auto")
            plan = plan_load(reader, *request, LoadWish(budget=parse_bytes(budget)), PROCESS)
            assert plan.backend == "onnx"
            plans.append(plan)
        except OutOfMemoryBudget as error:
            plans.append(error.needed_bytes)
    assert plans[0] == plans[1]


def test_an_unknown_machine_has_no_cpu_flags(tmp_path: Path) -> None:
    assert cpu_features.cpu_flags(tmp_path / "nothing") == frozenset()


@pytest.mark.skipif(not MAPS.exists(), reason="there is no /proc/self/maps here")
def test_pages_of_a_mapped_file_are_forgotten_and_read_again(tmp_path):
    import mmap

    path = tmp_path / "weights_data"
    path.write_bytes(bytes(range(256)) * 40_000)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[::4096]) >= 0  # touch every page
        before = resident_kilobytes(path)
        forget_pages(path)
        assert before > 9000
        assert resident_kilobytes(path) == 0
        assert mapped[1000] == 1000 % 256


def resident_kilobytes(path) -> int:
    """Of a file's pages in this process."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    return sum(
        int(next(row for row in lines if row.startswith("Rss:")).split()[1])
        for line in lines
        if line.endswith(f" {path}")
    )

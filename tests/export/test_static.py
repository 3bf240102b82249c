"""The vision tower in static int8, for OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.openvino.backend import OpenVinoBackend
from smolvlm_tools.backends.openvino.spec import OpenVinoSpec
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.errors import BadOptions, CorruptImage, ModelNotFound
from smolvlm_tools.export import ExportReport, export_checkpoint
from tests.support.pictures import noise

pytest.importorskip("nncf", reason="the extra 'static' is not installed")
STATIC = "int8-static"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        noise((90 + 40 * number, 120)).save(folder / f"{number}.png")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def exported(
    tiny_a: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ExportReport]:
    out = tmp_path_factory.mktemp("static")
    return out, export_checkpoint(tiny_a, out, ["fp32", "int8"], images=pictures)


def test_it_is_as_exact_as_eight_bits_are_on_what_resembles_its_images(
    exported: tuple[Path, ExportReport],
) -> None:
    out, report = exported
    told = {error.precision: error.mean_relative for error in report.errors}
    assert 0 < told[STATIC] < 0.1
    names = {file.name for file in report.files}
    assert {f"onnx/vision_encoder_int8_static.xml{end}" for end in ("", "_data")} <= names
    checkpoint = open_checkpoint(str(out))
    config = checkpoint.config.image
    tile = np.asarray(noise((config.tile_size, config.tile_size)), np.float32).transpose(2, 0, 1)
    tiles = (tile / 127.5 - 1)[None]
    exact, found = (
        OpenVinoBackend.load(checkpoint, {"vision": precision}).encode(tiles)
        for precision in ("fp32", STATIC)
    )
    error = np.abs(found - exact).mean() / np.abs(exact).mean()
    assert 0 < error < 0.1


def test_only_who_names_it_gets_it(exported: tuple[Path, ExportReport]) -> None:
    out, _ = exported
    picture = Image.new("RGB", (64, 64), "red")
    with SmolVLM.load(str(out), backend="openvino") as vlm:
        assert STATIC not in vlm.describe(picture, max_new_tokens=1).precision
    with SmolVLM.load(str(out), backend="openvino", precision=f"vision={STATIC}") as vlm:
        assert f"vision={STATIC}" in vlm.describe(picture, max_new_tokens=1).precision
    with pytest.raises(BadOptions, match=r"onnx backend cannot run.*int8-static"):
        SmolVLM.load(str(out), backend="onnx", precision={"vision": STATIC})
    with pytest.raises(BadOptions, match="only the vision tower"):
        SmolVLM.load(str(out), backend="openvino", precision={"decoder": STATIC})


def test_tuning_measures_it(exported: tuple[Path, ExportReport]) -> None:
    assert f"vision={STATIC}" in list(OpenVinoSpec().forms(open_checkpoint(str(exported[0]))))


def test_without_its_file_the_error_says_how_to_make_it(tiny_onnx: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"--images FOLDER"):
        SmolVLM.load(str(tiny_onnx), backend="openvino", precision={"vision": STATIC})


def test_images_that_cannot_be_read_end_the_export(tiny_a: Path, tmp_path: Path) -> None:
    out, images = tmp_path / "out", tmp_path / "images"
    with pytest.raises(BadOptions, match="no image to measure on"):
        export_checkpoint(tiny_a, out, ["int8"], images=images)
    images.mkdir()
    (images / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptImage):
        export_checkpoint(tiny_a, out, ["int8"], images=images)
    assert not out.exists()

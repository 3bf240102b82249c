"""What is checked without a digest: headers of safetensors, finite weights, places of data."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools import ModelInvalid, SmolVLM
from smolvlm_tools.checkpoint import check_safetensors
from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.checkpoint.onnx_values import check_onnx_values
from smolvlm_tools.checkpoint.safetensors import tensor_places
from smolvlm_tools.checkpoint.values import EXPONENTS, FLOATS, check_finite

F32 = {"dtype": "F32", "shape": [2, 2]}


def write(path: Path, header: str, size: int) -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(size))
    return path


@pytest.mark.parametrize(
    "second",
    [
        {**F32, "data_offsets": [8, 24]},  # overlaps
        {**F32, "data_offsets": [20, 36]},  # a gap
        {**F32, "shape": [2, 3], "data_offsets": [16, 32]},
        {**F32, "dtype": "F16", "data_offsets": [16, 32]},
        {**F32, "data_offsets": [32, 16]},
        {**F32, "data_offsets": [16.0, 32]},
        {**F32, "shape": [-2, -2], "data_offsets": [16, 32]},
        {**F32, "shape": [True, 4], "data_offsets": [16, 32]},
        {**F32, "data_offsets": [0, 16]},
    ],
)
def test_tensors_that_do_not_fill_the_file_exactly_are_damage(tmp_path: Path, second: Any) -> None:
    first = {**F32, "data_offsets": [0, 16]}
    good = {"a": first, "b": {**F32, "data_offsets": [16, 32]}}
    check_safetensors(write(tmp_path / "model.safetensors", json.dumps(good), 32))
    path = write(tmp_path / "model.safetensors", json.dumps({"a": first, "b": second}), 32)
    with pytest.raises(ModelInvalid, match=r"model\.safetensors"):
        check_safetensors(path)


def test_a_name_twice_in_a_header_or_in_two_shards_is_damage(tmp_path: Path) -> None:
    entry = json.dumps({**F32, "data_offsets": [0, 16]})
    with pytest.raises(ModelInvalid, match="header"):
        check_safetensors(write(tmp_path / "a", f'{{"a": {entry}, "a": {entry}}}', 16))
    shards = [write(tmp_path / name, f'{{"a": {entry}}}', 16) for name in ("one", "two")]
    with pytest.raises(ModelInvalid, match="both hold a"):
        tensor_places(shards)


@pytest.mark.parametrize("dtype", [*FLOATS, *EXPONENTS])
def test_nan_and_infinity_are_found_in_every_format(tmp_path: Path, dtype: str) -> None:
    import torch

    kinds = {"F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16"}
    kind = getattr(torch, kinds.get(dtype, "float8_e4m3fn"))
    numbers = torch.linspace(-400, 400, 3_000_001).to(kind)
    path = tmp_path / "weights"
    path.write_bytes(bytes(5) + numbers.view(torch.uint8).numpy().tobytes())
    check_finite(path, 5, numbers.nbytes, dtype, "w")
    for bad in [float("nan")] + [float("inf"), float("-inf")] * (dtype != "F8_E4M3"):
        for place in (0, 2_500_000, -1):
            with path.open("r+b") as file:
                file.seek(5 + place % len(numbers) * numbers.itemsize)
                file.write(torch.tensor([bad]).to(kind).view(torch.uint8).numpy().tobytes())
            with pytest.raises(ModelInvalid, match="tensor w in weights has NaN or infinite"):
                check_finite(path, 5, numbers.nbytes, dtype, "w")
            path.write_bytes(bytes(5) + numbers.view(torch.uint8).numpy().tobytes())


@pytest.mark.parametrize(
    "name", ["model.text_model.embed_tokens.weight", "model.text_model.norm.weight"]
)
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_torch_refuses_weights_that_are_not_finite_and_names_the_tensor(
    tiny_a: Path, tmp_path: Path, name: str, bad: float
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_a, folder)
    place = tensor_places([folder / "model.safetensors"])[name]
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(place.offset + 40)
        file.write(struct.pack("<f", bad))
    with pytest.raises(ModelInvalid, match=f"tensor {name} in model.safetensors has NaN"):
        SmolVLM.load(folder, backend="torch")


def test_an_onnx_file_without_a_known_digest_must_hold_finite_weights(
    tiny_onnx: Path, tmp_path: Path
) -> None:
    import onnx
    from onnx import numpy_helper

    folder = tmp_path / "model"
    shutil.copytree(tiny_onnx, folder)
    (folder / MANIFEST).unlink()
    path = folder / "onnx" / "embed_tokens.onnx"
    SmolVLM.load(folder, backend="onnx").close()
    model = onnx.load(path)
    table = max(model.graph.initializer, key=lambda each: np.prod(each.dims))
    values = numpy_helper.to_array(table).copy()
    values[3, 3] = np.nan
    table.CopyFrom(numpy_helper.from_array(values, table.name))
    onnx.save(model, path)
    with pytest.raises(ModelInvalid, match=r"in embed_tokens\.onnx has NaN"):
        SmolVLM.load(folder, backend="onnx")


@pytest.mark.parametrize("place", ["../outside", "/etc/hostname", "a/b", "..", ""])
def test_data_outside_the_folder_of_a_graph_are_refused(tmp_path: Path, place: str) -> None:
    from onnx import TensorProto, helper, save

    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    graph = helper.make_graph([], "g", [], [], [tensor])
    save(helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(ModelInvalid, match="not beside it"):
        check_onnx_values(tmp_path / "model.onnx")

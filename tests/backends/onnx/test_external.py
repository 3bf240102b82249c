"""A graph's weights lie in its folder, whichever runtime is to read them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools import ModelInvalid
from smolvlm_tools.backends.onnx.external import check_external
from smolvlm_tools.backends.onnx.session import create_session
from smolvlm_tools.backends.openvino.session import OpenVinoSession

onnx = pytest.importorskip("onnx")

VALUES = np.arange(4, dtype=np.float32)
MEMORY = "*/_ORT_MEM_ADDR_/*"
"""ONNX Runtime's own name for "not a file: the offset is an address in this process"."""
OUTSIDE = {
    "above": "../../secret.bin",
    "absolute": "{tmp}/secret.bin",
    "through a link": "link",
    "through a folder's link": "folder/secret.bin",
    "a drive": "C:secret.bin",
    "a share": "\\\\host\\secret.bin",
    "above, as Windows writes it": "..\\..\\secret.bin",
    "zero byte": "x\0y",
    "no name": "",
}


def tensor(location: str) -> Any:
    found = onnx.TensorProto(name="w", dims=VALUES.shape, data_type=onnx.TensorProto.FLOAT)
    found.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(VALUES.nbytes))):
        found.external_data.add(key=key, value=value)
    return found


def graph(nodes: list[Any], tensors: list[Any]) -> Any:
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, VALUES.shape)
    return onnx.helper.make_graph(nodes, "g", [], [output], tensors)


def model(found: Any, **more: Any) -> bytes:
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ours", 1)]
    made = onnx.helper.make_model(found, opset_imports=opsets, ir_version=8, **more)
    return made.SerializeToString()


def as_initializer(location: str) -> bytes:
    return model(graph([onnx.helper.make_node("Identity", ["w"], ["y"])], [tensor(location)]))


def as_constant(location: str) -> bytes:
    node = onnx.helper.make_node("Constant", [], ["y"], value=tensor(location))
    return model(graph([node], []))


def in_a_branch(location: str) -> bytes:
    inner = graph([onnx.helper.make_node("Constant", [], ["y"], value=tensor(location))], [])
    held = onnx.helper.make_tensor("c", onnx.TensorProto.BOOL, [], [True])
    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    return model(graph([node], [held]))


def in_a_function(location: str) -> bytes:
    node = onnx.helper.make_node("Constant", [], ["y"], value=tensor(location))
    opsets = [onnx.helper.make_opsetid("", 17)]
    function = onnx.helper.make_function("ours", "F", [], ["y"], [node], opsets)
    called = onnx.helper.make_node("F", [], ["y"], domain="ours")
    return model(graph([called], []), functions=[function])


PLACES: list[Callable[[str], bytes]] = [as_initializer, as_constant, in_a_branch, in_a_function]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a model is to be, with weights two folders above it and links to them beside it."""
    folder = tmp_path / "model" / "onnx"
    folder.mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(VALUES.tobytes())
    (folder / "link").symlink_to(tmp_path / "secret.bin")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "x.onnx_data").write_bytes(VALUES.tobytes())
    return folder / "x.onnx"


@pytest.mark.parametrize("location", OUTSIDE.values(), ids=list(OUTSIDE))
def test_weights_outside_the_folder_are_refused(path: Path, tmp_path: Path, location: str) -> None:
    path.write_bytes(as_initializer(location.format(tmp=tmp_path)))
    for load in (check_external, create_session, OpenVinoSession):
        with pytest.raises(ModelInvalid, match="outside its folder"):
            load(path)


@pytest.mark.parametrize("place", PLACES)
def test_they_are_found_wherever_a_graph_can_hold_a_tensor(
    path: Path, place: Callable[[str], bytes]
) -> None:
    path.write_bytes(place("../../secret.bin"))
    with pytest.raises(ModelInvalid, match="outside its folder"):
        create_session(path)
    path.write_bytes(place("x.onnx_data"))
    check_external(path)


@pytest.mark.parametrize("location", [MEMORY, "absent.bin", "."])
def test_a_name_of_no_file_is_refused(path: Path, location: str) -> None:
    path.write_bytes(as_initializer(location))
    with pytest.raises(ModelInvalid, match="not a file"):
        create_session(path)


def test_the_last_of_several_keys_hides_nothing(path: Path) -> None:
    """Readers take the last of a repeated field; whichever they take, both names are checked."""
    secret = b"../../secret.bin"
    key, good, bad = b"\x0a\x08location", b"\x12\x0bx.onnx_data", b"\x12\x10" + secret
    for entry in (key + good + bad, key + bad + good, b"\x0a\x01k" + bad + key):
        held = b"\x6a" + bytes([len(entry)]) + entry
        initializer = b"\x2a" + bytes([len(held)]) + held
        path.write_bytes(b"\x3a" + bytes([len(initializer)]) + initializer)
        with pytest.raises(ModelInvalid, match="outside its folder"):
            check_external(path)


def test_weights_in_the_folder_load(path: Path) -> None:
    path.write_bytes(as_initializer("x.onnx_data"))
    (y,) = create_session(path).run(None, {})
    assert (y == VALUES).all()


def test_the_hubs_cache_loads_where_every_file_is_a_link(tmp_path: Path) -> None:
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "abc" / "onnx"
    blobs.mkdir()
    folder.mkdir(parents=True)
    (blobs / "1").write_bytes(as_initializer("x.onnx_data"))
    (blobs / "2").write_bytes(VALUES.tobytes())
    for name, blob in (("x.onnx", "1"), ("x.onnx_data", "2")):
        (folder / name).symlink_to(os.path.relpath(blobs / blob, folder))
    (y,) = create_session(folder / "x.onnx").run(None, {})
    assert (y == VALUES).all()


def nested(depth: int) -> bytes:
    """Branches in branches, as protobuf bytes: a graph's node's attribute's graph, and so on."""
    message = b""
    for _ in range(depth):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            message = tag + varint(len(message)) + message
    return b"\x3a" + varint(len(message)) + message


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


@pytest.mark.parametrize(
    "content",
    [b"", b"\x3a", b"\x3a\x7f", b"\x3a" + b"\xff" * 11, b"\x0b\x0c", nested(400)],
    ids=["empty", "no length", "cut", "endless number", "group", "nested"],
)
def test_what_is_no_graph_is_model_invalid(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelInvalid, match="no ONNX graph"):
        create_session(path)

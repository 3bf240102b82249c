"""Which files beside an ONNX graph it names for its weights, read without ONNX Runtime.

Releases of ONNX Runtime before 1.24 follow such a name to anywhere on the disk, and one of its
names stands for an address in memory. So a graph is refused here before any runtime sees it.
Format: https://protobuf.dev/programming-guides/encoding/, field numbers from onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from ...checkpoint.protobuf import BYTES, Malformed, fields
from ...errors import ModelInvalid

MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Of each kind of message, the fields through which a tensor's external data can be reached."""

DEPTH = 100
"""Nested messages that protobuf itself reads."""


def check_external(path: Path) -> None:
    """Refuse a graph that names weights outside its folder.

    A file counts as inside if it is below the graph's folder once every link is followed; or, as in
    the hub's cache, where both are links, below the folder that the graph's own link leads to.

    Raises:
        ModelInvalid: it names such a file or one that is not there, or it is no ONNX graph.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            named = set(_locations(data, 0, len(data), "model", 0))
    except (Malformed, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise ModelInvalid(
            f"{path} is damaged: it is no ONNX graph ({error})", "Fetch or export the file again."
        ) from None
    folders = {path.parent.resolve(), path.resolve().parent}
    for name in sorted(named):
        _check_name(path, name, folders)


def _check_name(path: Path, name: str, folders: set[Path]) -> None:
    remedy = "Fetch the model again from a source that you trust, or export it."
    shown = name if len(name) <= 200 else f"{name[:200]}…"
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    rooted = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
    inside = bool(name) and "\0" not in name and ".." not in parts and not rooted
    if inside:
        target = (path.parent / name).resolve()
        inside = any(target.is_relative_to(folder) for folder in folders)
    if not inside:
        raise ModelInvalid(f"{path} names weights outside its folder ({shown!r})", remedy)
    if not (path.parent / name).is_file():
        raise ModelInvalid(f"{path} names weights in {shown!r}, which is not a file", remedy)


def _locations(data: mmap.mmap, at: int, end: int, kind: str, depth: int) -> Iterator[str]:
    """Every name of a file in the message `kind` that is data[at:end]."""
    if depth > DEPTH:
        raise Malformed(f"messages are nested more than {DEPTH} deep")
    inner = MESSAGES[kind]
    for number, wire, start, stop in fields(data, at, end):
        below = inner.get(number) if wire == BYTES else None
        if below == "entry":
            yield from _entry(data, start, stop)
        elif below is not None:
            yield from _locations(data, start, stop, below, depth + 1)


def _entry(data: mmap.mmap, at: int, end: int) -> Iterator[str]:
    """The values of a key/value pair whose key is, anywhere in it, "location"."""
    pair: dict[int, list[bytes]] = {1: [], 2: []}
    for number, wire, start, stop in fields(data, at, end):
        if wire == BYTES and number in pair:
            pair[number].append(data[start:stop])
    if b"location" in pair[1]:
        for value in pair[2]:
            yield value.decode("utf-8", "surrogateescape")

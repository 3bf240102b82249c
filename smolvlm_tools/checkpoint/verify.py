"""Whether files are what they should be: size, digest, safetensors framing; knows bytes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, cast

from ..errors import ModelInvalid, ModelNotFound
from .known_files import FileFacts

_READ = 1 << 20
_LONGEST_HEADER = 100_000_000
"""The safetensors library refuses longer headers too."""

_AGAIN = "Delete the file and fetch the checkpoint again."


def check_size(path: Path, name: str, facts: FileFacts) -> None:
    """Compare a file's size with what is known of it; costs one stat.

    Raises:
        ModelInvalid: the sizes differ.
    """
    size = path.stat().st_size
    if facts.size is not None and size != facts.size:
        raise ModelInvalid(f"{name} has {size:,} bytes instead of {facts.size:,}", _AGAIN)


def check_digest(path: Path, name: str, facts: FileFacts) -> None:
    """Compare a file's SHA-256 with what is known of it; reads the whole file.

    Raises:
        ModelInvalid: the digests differ.
    """
    if facts.sha256 is None:
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ):
            digest.update(part)
    if digest.hexdigest() != facts.sha256:
        raise ModelInvalid(
            f"{name} has the SHA-256 {digest.hexdigest()} instead of {facts.sha256}", _AGAIN
        )


def check_safetensors(path: Path) -> None:
    """Check that a safetensors file is complete, from its header and size alone.

    Format: 8 bytes little-endian header length, a JSON header with `data_offsets` relative to
    the header's end, then the data (https://github.com/huggingface/safetensors#format).

    Raises:
        ModelNotFound: no such file.
        ModelInvalid: truncated, extended, or not safetensors.
    """
    expected = 8 + safetensors_header_length(path) + _data_length(read_safetensors_header(path))
    size = os.stat(path).st_size
    if size != expected:
        raise ModelInvalid(
            f"{path.name} has {size:,} bytes where its header describes {expected:,}", _AGAIN
        )


def safetensors_header_length(path: Path) -> int:
    """Bytes of the JSON header; see `check_safetensors`."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
    except FileNotFoundError:
        raise ModelNotFound(f"there is no file {path.name}", "Fetch the checkpoint.") from None
    except OSError as error:
        raise ModelInvalid(f"{path.name} cannot be read ({error.strerror})", _AGAIN) from error
    if length < 2 or length > min(size - 8, _LONGEST_HEADER):
        raise ModelInvalid(f"{path.name} is truncated or not a safetensors file", _AGAIN)
    return length


def read_safetensors_header(path: Path) -> dict[str, dict[str, Any]]:
    """Tensor name to its `dtype`, `shape` and `data_offsets`; see `check_safetensors`."""
    length = safetensors_header_length(path)
    try:
        with path.open("rb") as file:
            file.seek(8)
            header: object = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelInvalid(f"the header of {path.name} is damaged", _AGAIN) from error
    if not isinstance(header, dict):
        raise ModelInvalid(f"the header of {path.name} is damaged", _AGAIN)
    entries = cast("dict[str, Any]", header)
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    for entry in tensors.values():
        if not isinstance(entry, dict) or not {"shape", "data_offsets"} <= entry.keys():
            raise ModelInvalid(f"the header of {path.name} is damaged", _AGAIN)
    return tensors


def _data_length(tensors: dict[str, dict[str, Any]]) -> int:
    try:
        return max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (TypeError, ValueError, LookupError) as error:
        raise ModelInvalid("a safetensors header has bad offsets", _AGAIN) from error

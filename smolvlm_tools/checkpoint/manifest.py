"""The manifest of an export: which files belong together, and what each must be.

    {"version": 1, "complete": true, "source": "…", "made": {"int8": {"form": "fused", …}},
     "files": {"onnx/embed_tokens_int8.onnx": {"size": 93536, "sha256": "…"}, …}}

Files of the kinds that it lists, ONNX or safetensors, load only as it says. A folder without one,
as the hub's own repositories are, loads as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelInvalid
from ..machine.whole_file import write_whole
from .files import is_usable
from .known_files import FileFacts

MANIFEST = "smolvlm-export.json"
VERSION = 1
AGAIN = f"Export the checkpoint again, or delete {MANIFEST} if you changed the files yourself."

_KINDS = {
    ".safetensors": "safetensors",
    ".onnx": "ONNX",
    ".onnx_data": "ONNX",
    ".onnx.data": "ONNX",
    ".xml": "ONNX",  # what OpenVINO makes of an ONNX graph
    ".xml_data": "ONNX",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one folder holds of one model.

    Attributes:
        source: digest of the weights, configuration and tokenizer that the files were made from.
        files: relative name to size and SHA-256.
        made: what was made, by precision: the form of its graphs, for people.
        complete: False while files are being put into place, and for good if that was killed.
        stale: while incomplete, files of another model that are being removed.
    """

    source: str
    files: Mapping[str, FileFacts]
    made: Mapping[str, Any] = field(default_factory=dict[str, Any])
    complete: bool = True
    stale: tuple[str, ...] = ()

    def governs(self, names: Iterable[str]) -> bool:
        """Whether it lists files of the kind of one of `names`, so that it has a say in them."""
        kinds = {kind_of(name) for name in (*self.files, *self.stale)} - {None}
        return any(kind_of(name) in kinds for name in names)

    def write(self, folder: Path) -> None:
        """Write it into a folder, whole or not at all; raises OSError."""
        files = {n: {"size": f.size, "sha256": f.sha256} for n, f in sorted(self.files.items())}
        content: dict[str, Any] = {
            "version": VERSION,
            "complete": self.complete,
            "source": self.source,
            "made": dict(sorted(self.made.items())),
            "files": files,
        }
        if self.stale:
            content["stale"] = sorted(self.stale)
        write_whole(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def kind_of(name: str) -> str | None:
    """The kind of weights in a file, "ONNX" or "safetensors"; None for what holds none."""
    return next((kind for end, kind in _KINDS.items() if name.endswith(end)), None)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None if it has none.

    Raises:
        ModelInvalid: it is damaged, or names files outside the folder.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(error) from error
    try:
        return _parse(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(error) from error


def _parse(content: Any) -> Manifest:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']!r}")
    files: dict[str, FileFacts] = {}
    for name, entry in content["files"].items():
        size, sha256 = entry["size"], entry["sha256"]
        if type(size) is not int or not isinstance(sha256, str) or not _is_inside(name):
            raise ValueError(f"the entry of {name!r}")
        files[name] = FileFacts(size, sha256)
    stale = tuple(content.get("stale", ()))
    if not all(map(_is_inside, stale)):
        raise ValueError("the entries to be removed")
    made = dict(content.get("made", {}))
    return Manifest(str(content["source"]), files, made, content["complete"] is True, stale)


def _is_inside(name: Any) -> bool:
    """Whether a name is one that an export writes: below the folder, whatever is done with it."""
    if not isinstance(name, str) or "\\" in name or ":" in name or "\0" in name:
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and (
        is_usable(name) or name == "chat_template.jinja"
    )


def _damaged(error: Exception) -> ModelInvalid:
    return ModelInvalid(f"{MANIFEST} is damaged ({type(error).__name__}: {error})", AGAIN)

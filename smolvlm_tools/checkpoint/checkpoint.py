"""An opened checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import ModelInvalid, ModelNotFound
from .config import ModelConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG_FILES = (
    "config.json",
    "preprocessor_config.json",
    "generation_config.json",
    "tokenizer.json",
)
"""Everything that opening a checkpoint reads; backends fetch the weights later."""

_SUFFIXES = (".json", ".safetensors", ".onnx", ".onnx_data", ".onnx.data")


def is_usable(name: str) -> bool:
    """Whether a file may be listed and fetched: only data formats, no pickles and no code."""
    parts = name.split("/")
    return name.endswith(_SUFFIXES) and not any(part.startswith(".") for part in parts)


class FileSource(Protocol):
    """Brings files into the checkpoint's folder that are not there yet."""

    def fetch(self, names: Iterable[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A SmolVLM checkpoint whose configuration is here and whose weights can be fetched.

    Attributes:
        id: the name in results: the hub id, or a folder's name, never its path.
        revision: the hub commit (40 hex digits); None for a folder.
        folder: where its files are, in the hub's layout.
        config: its numbers.
        files: relative names (with `/`) of what is in the folder or can be fetched into it.
        source: brings files into the folder; None if all are there.
    """

    id: str
    revision: str | None
    folder: Path
    config: ModelConfig
    files: frozenset[str]
    source: FileSource | None = None

    @classmethod
    def from_folder(cls, folder: Path, name: str | None = None) -> Checkpoint:
        """Open a folder in the hub's layout; `name` replaces the folder's own as the id.

        Raises:
            ModelNotFound: `config.json` or `preprocessor_config.json` is missing.
            ModelInvalid: they are damaged, or of another architecture.
        """
        folder = Path(os.path.abspath(folder))
        config = ModelConfig.from_folder(folder)
        return cls(name or folder.name or "checkpoint", None, folder, config, list_files(folder))

    def fetch(self, names: Iterable[str]) -> None:
        """Download and verify those of some `files` that are not in `folder` yet.

        Raises:
            ModelNotFound: the checkpoint has no such file, or it cannot be downloaded now.
            ModelInvalid: a download does not have the size or digest it should have.
            ModelError: the hub failed.
        """
        wanted = list(names)
        for name in wanted:
            if name not in self.files:
                raise ModelNotFound(
                    f"{self.id} has no file {name}",
                    "Choose a precision or backend whose files it has, or add the file.",
                )
        if self.source is not None:
            self.source.fetch(wanted)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of `tokenizer.json`; raises ModelNotFound or ModelInvalid."""
        from tokenizers import Tokenizer

        self.fetch(["tokenizer.json"])
        try:
            return Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises plain Exception
            raise ModelInvalid(
                f"the tokenizer.json of {self.id} is damaged ({error})",
                "Fetch the checkpoint again.",
            ) from error


def list_files(folder: Path) -> frozenset[str]:
    """Relative names of the usable files in a folder, at any depth."""
    names: set[str] = set()
    for parent, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        relative = Path(parent).relative_to(folder)
        names.update((relative / name).as_posix() for name in files)
    # is_file: a cache whose blobs were deleted keeps links to nowhere.
    return frozenset(name for name in names if is_usable(name) and (folder / name).is_file())

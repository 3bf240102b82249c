"""An opened checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import ModelInvalid, ModelNotFound
from .config import ModelConfig
from .files import list_files
from .folder_files import FolderFiles

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class FileSource(Protocol):
    """Brings files into the checkpoint's folder that are not there yet, and checks them."""

    def fetch(self, names: Iterable[str]) -> None: ...

    def confirm(self) -> None:
        """Check that what was fetched was not replaced since."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A SmolVLM checkpoint whose configuration is here and whose weights can be fetched.

    Attributes:
        id: the name in results: the hub id, or a folder's name, never its path.
        revision: the hub commit (40 hex digits); None for a folder.
        folder: where its files are, in the hub's layout.
        config: its numbers.
        files: relative names (with `/`) of what is in the folder or can be fetched into it.
        source: brings files into the folder and checks them; None if nothing is to be checked.
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
            ModelNotFound, ModelInvalid: a configuration file is missing, damaged or of another
                architecture.
        """
        folder = Path(os.path.abspath(folder))
        config = ModelConfig.from_folder(folder)
        name = name or folder.name or "checkpoint"
        return cls(name, None, folder, config, list_files(folder), FolderFiles(folder))

    @property
    def bytes_here(self) -> int:
        """Bytes of those `files` that are in `folder` by now."""
        paths = (self.folder / name for name in self.files)
        return sum(path.stat().st_size for path in paths if path.is_file())

    def fetch(self, names: Iterable[str]) -> None:
        """Download those of some `files` that are not in `folder` yet, and check all of them.

        Raises:
            ModelNotFound: the checkpoint has no such file, or it cannot be downloaded now.
            ModelInvalid: a file does not have the size or digest it should have, or does not
                belong to the others.
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

    def confirm(self) -> None:
        """Check, once files have been read, that nobody replaced them since `fetch`.

        Raises:
            ModelInvalid: another export was put into the folder meanwhile.
        """
        if self.source is not None:
            self.source.confirm()

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

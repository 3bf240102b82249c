"""The files of a local folder: checked by its manifest before use, if it has one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import ModelInvalid
from .checking import check_file
from .digests import ALWAYS
from .files import CONFIG_FILES
from .known_files import FileFacts
from .manifest import AGAIN, MANIFEST, Manifest, kind_of, read_manifest
from .onnx_values import check_onnx_values
from .verified import VerifiedFiles

RECORD = ".smolvlm-verified.json"


class FolderFiles:
    """See `FileSource`. Nothing is fetched: what is asked for is checked.

    With weights that the manifest has a say in, the configuration is checked too. Where no digest
    is known, ONNX weights must be finite; the torch backend looks at those that it reads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fetched: dict[str, FileFacts | None] = {}

    def fetch(self, names: Iterable[str]) -> None:
        weights = [name for name in names if kind_of(name) is not None]
        if not weights:
            return
        manifest = read_manifest(self._folder)
        self._fetched |= _listed(manifest, weights)
        if manifest is not None and manifest.governs(weights):
            check_by_manifest(self._folder, manifest, weights)
            return
        for name in weights:
            if name.endswith(".onnx"):
                check_onnx_values(self._folder / name)

    def confirm(self) -> None:
        if not self._fetched:
            return
        manifest = read_manifest(self._folder)
        if manifest is not None and manifest.governs(self._fetched):
            same = manifest.complete and _listed(manifest, self._fetched) == self._fetched
        else:
            same = not any(self._fetched.values())
        if not same:
            raise ModelInvalid(
                "the files were replaced by another export while they were being loaded",
                "Load the checkpoint again.",
            )


def _listed(manifest: Manifest | None, names: Iterable[str]) -> dict[str, FileFacts | None]:
    """What a manifest says of files."""
    return {name: manifest.files.get(name) if manifest else None for name in names}


def folder_record(folder: Path) -> VerifiedFiles:
    """The record of an export's large files: the others are read each time."""
    return VerifiedFiles(folder / RECORD, above=ALWAYS)


def check_by_manifest(folder: Path, manifest: Manifest, names: Iterable[str]) -> None:
    """Check that files, and the configuration beside them, are those of a manifest.

    Raises:
        ModelInvalid: one is not, or the export was interrupted.
    """
    if not manifest.complete:
        raise ModelInvalid(
            "an export into this folder is putting its files into place, or was interrupted",
            "Export the checkpoint again.",
        )
    record = folder_record(folder)
    configuration = [name for name in CONFIG_FILES if name in manifest.files]
    for name in (*configuration, *names):
        facts = manifest.files.get(name)
        if facts is None:
            raise ModelInvalid(
                f"{name} does not belong to the export that is described in {MANIFEST}", AGAIN
            )
        path = folder / name
        if not path.is_file():
            raise ModelInvalid(f"{name}, which {MANIFEST} lists, is missing", AGAIN)
        try:
            entry = check_file(path, name, facts, record, name)
        except ModelInvalid as error:
            raise error.reworded(error.reason, AGAIN) from None
        if entry is not None:
            record.put(name, entry)

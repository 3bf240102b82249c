"""An export as one unit: what it may be put beside, and how it is put into place.

Files are renamed one by one, so a kill can come between two of them. The manifest tells: before a
file that it lists is replaced or removed, it is marked incomplete, and what is incomplete does not
load. No file is synced to the disk: after a power cut, the digests in the manifest tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backends.onnx.files import FOLDER
from ..checkpoint import AdapterFiles
from ..checkpoint.adapter import ADAPTER_CONFIG, ADAPTER_TENSORS
from ..checkpoint.digests import digest_file
from ..checkpoint.files import CONFIG_FILES, list_files
from ..checkpoint.known_files import FileFacts
from ..checkpoint.manifest import MANIFEST, Manifest, kind_of, read_manifest
from ..checkpoint.safetensors import INDEX, SINGLE, shard_names
from ..errors import BadOptions, ModelInvalid
from ..machine.folder_lock import held


def source_digest(folder: Path, adapter: AdapterFiles | None = None) -> str:
    """What an export is made from: all of the weights, configuration, tokenizer and adapter."""
    whole = hashlib.sha256()
    index = folder / INDEX
    weights = [INDEX, *shard_names(index)] if index.is_file() else [SINGLE]
    paths = [folder / name for name in ("config.json", "tokenizer.json", *weights)]
    if adapter is not None:
        paths += [adapter.folder / name for name in (ADAPTER_CONFIG, ADAPTER_TENSORS)]
    for path in paths:
        if path.is_file():
            whole.update(f"{path.name} {digest_file(path).sha256}\n".encode())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Unit:
    """One export on its way.

    Attributes:
        source_folder: what it is made from, which may be `out`.
        source: see `source_digest`.
        made: for the manifest.
        replace: whether another model's export may be removed.
    """

    out: Path
    source_folder: Path
    source: str
    made: Mapping[str, Any]
    replace: bool

    def check_place(self) -> None:
        """Check that nothing of another model is in `out` that would stay, or be lost.

        Raises:
            BadOptions: there is.
        """
        self._plan()

    def commit(self, scratch: Path) -> None:
        """Put the files of `scratch` into place, and list them.

        Raises:
            BadOptions: as `check_place`.
            OSError: a file could not be moved; what was there loads no more until the next export.
        """
        with held(self.out):
            kept, stale = self._plan()
            fresh = _facts(scratch, _names(scratch))
            own = dict(fresh)
            if self._in_place:
                own |= _facts(self.out, [n for n in CONFIG_FILES if (self.out / n).is_file()])
            before = dict(kept.files) if kept else {}
            stale = [name for name in (*stale, *_outdated(before, fresh)) if name not in fresh]
            files = {name: facts for name, facts in before.items() if name not in stale} | own
            others = any(kind_of(name) for name in files.keys() - own.keys())
            made = {**kept.made, **self.made} if kept and others else self.made
            final = Manifest(self.source, files, made)
            if kept is None or stale or any(files[name] != before[name] for name in before):
                replace(final, complete=False, stale=tuple(stale)).write(self.out)
            for name in stale:
                (self.out / name).unlink(missing_ok=True)
            for name in sorted(fresh):
                (self.out / name).parent.mkdir(exist_ok=True)
                (scratch / name).replace(self.out / name)
            final.write(self.out)
            for part in self.out.glob(f".{MANIFEST}.*"):  # of a kill while one was written
                part.unlink(missing_ok=True)

    @property
    def _in_place(self) -> bool:
        return self.out.resolve() == self.source_folder.resolve()

    def _plan(self) -> tuple[Manifest | None, list[str]]:
        """What of an earlier export of the same model stays, and what is removed."""
        try:
            found = read_manifest(self.out)
        except ModelInvalid:  # damaged: what it listed is nobody's
            found = None
        listed = set() if found is None else {*found.files, *found.stale}
        foreign = [n for n in (SINGLE, INDEX) if n not in listed and (self.out / n).exists()]
        if foreign and not self._in_place:
            raise BadOptions(
                f"{self.out} holds the weights of another checkpoint ({foreign[0]})",
                "Export to a folder of its own.",
            )
        graphs = {name for name in list_files(self.out) if name.startswith(f"{FOLDER}/")}
        strays = sorted(name for name in graphs - listed if kind_of(name) == "ONNX")
        if strays and not self.replace:
            raise BadOptions(
                f"{self.out} holds {strays[0]}, of which no {MANIFEST} says what model it is of",
                "Export to a folder of its own, or add `replace=True` to remove it.",
            )
        if found is not None and found.source == self.source:
            return _still_there(found, self.out), [*strays, *found.stale]
        if found is not None and found.complete and not self.replace:
            raise BadOptions(
                f"{self.out} holds the export of another model ({', '.join(found.made) or '?'})",
                "Export to a folder of its own, or add `replace=True` to remove it.",
            )
        return None, [
            *strays,
            *(name for name in sorted(listed) if not self._in_place or kind_of(name) == "ONNX"),
        ]


def _outdated(before: Iterable[str], fresh: Iterable[str]) -> list[str]:
    """Data files of graphs that are replaced, which the new ones may no longer have."""
    graphs = tuple(f"{name}{end}" for name in fresh for end in ("_data", ".data"))
    return [name for name in before if graphs and name.startswith(graphs)]


def _still_there(found: Manifest, folder: Path) -> Manifest:
    """A manifest without files that are gone, or that an interrupted export did not bring."""
    files = {
        name: facts
        for name, facts in found.files.items()
        if (folder / name).is_file()
        and (facts == _facts(folder, [name])[name] if not found.complete else True)
    }
    return replace(found, files=files)


def _names(scratch: Path) -> list[str]:
    return sorted(p.relative_to(scratch).as_posix() for p in scratch.rglob("*") if p.is_file())


def _facts(folder: Path, names: Iterable[str]) -> dict[str, FileFacts]:
    return {
        name: FileFacts((folder / name).stat().st_size, digest_file(folder / name).sha256)
        for name in names
    }

"""Reads every file of the models on this machine in full, and says which are as they should be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ModelInvalid, ModelNotFound
from .aliases import ALIASES, EMBEDDED, EMBEDDED_FOLDER, EMBEDDED_ID, HUB_ID
from .digests import Tick, digest_file
from .files import list_files
from .folder_files import folder_record
from .hub_cache import (
    HubSettings,
    cached_commits,
    cached_ids,
    hub_settings,
    not_cached,
    snapshot_folder,
    verified_files,
)
from .known_files import KNOWN_FILES, FileFacts, facts_of_blob
from .leftovers import leftovers
from .manifest import AGAIN, MANIFEST, Manifest, kind_of, read_manifest
from .onnx_values import check_onnx_values
from .safetensors import tensor_places
from .values import check_finite
from .verified import Verified, VerifiedFiles

RIGHT, UNKNOWN, WRONG = "right", "unknown", "wrong"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file: "right" has the digest that it should have, of "unknown" none is known."""

    name: str
    state: str
    detail: str = ""
    """What is wrong, and what to do about it."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One model's files.

    Attributes:
        model: hub id, or a folder's name.
        revision: the commit; None for a folder.
        leftovers: scratch folders that a killed export left in it.
    """

    model: str
    revision: str | None
    files: tuple[FileCheck, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return all(file.state != WRONG for file in self.files)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a model's files, and what is known about them."""

    model: str
    revision: str | None
    folder: Path
    facts: dict[str, FileFacts]
    record: VerifiedFiles
    manifest: Manifest | None = None
    faults: tuple[FileCheck, ...] = ()
    """What is wrong already."""

    @property
    def names(self) -> list[str]:
        return sorted(list_files(self.folder) - {MANIFEST})

    @property
    def bytes(self) -> int:
        """Of all files, to show how far it is."""
        return sum((self.folder / name).stat().st_size for name in self.names)


def find_places(model: str | None) -> list[Place]:
    """What to verify: one model by alias, hub id or folder, or all that are on this machine.

    All are the embedded checkpoint, and what was downloaded for this package: aliases and what it
    has a record of. Folders of exports are known to nobody: name them.

    Raises:
        ModelNotFound: nothing of that name is here; the network is never asked.
    """
    settings = hub_settings(local_files_only=True)
    if model is None:
        ids = [hub_id for hub_id in cached_ids(settings) if _is_ours(hub_id, settings)]
        embedded = [_folder(EMBEDDED_FOLDER, EMBEDDED_ID)] if EMBEDDED_FOLDER.is_dir() else []
        return [*embedded, *(place for each in ids for place in _snapshots(each, settings))]
    if model == EMBEDDED:
        return [_folder(EMBEDDED_FOLDER, EMBEDDED_ID)]
    if model not in ALIASES and os.path.isdir(model):
        folder = Path(os.path.abspath(model))
        return [_folder(folder, folder.name or "checkpoint")]
    hub_id = ALIASES.get(model, model)
    if HUB_ID.fullmatch(hub_id) is None:
        raise ModelNotFound(f"there is no model {model!r}", "Name an alias, a folder or a hub id.")
    places = _snapshots(hub_id, settings)
    if not places:
        raise not_cached(hub_id)
    return places


def verify(place: Place, tick: Tick | None = None) -> ModelCheck:
    """Read all files of a model; what is found right is recorded, what is not is forgotten."""
    checks = [*place.faults, *(_missing(place))]
    checks += [_check(place, name, tick) for name in place.names]
    left = tuple(path.name for path in leftovers(place.folder))
    return ModelCheck(place.model, place.revision, tuple(checks), left)


def _is_ours(hub_id: str, settings: HubSettings) -> bool:
    known = hub_id in ALIASES.values()
    return known or verified_files(hub_id, "", settings).path.parent.is_dir()


def _snapshots(hub_id: str, settings: HubSettings) -> list[Place]:
    places: list[Place] = []
    for commit, is_main in cached_commits(hub_id, settings).items():
        facts = dict(KNOWN_FILES.get(hub_id, {})) if is_main else {}
        folder = snapshot_folder(hub_id, commit, settings)
        record = verified_files(hub_id, commit, settings)
        places.append(Place(hub_id, commit, folder, facts, record))
    return places


def _folder(folder: Path, name: str) -> Place:
    place = Place(name, None, folder, {}, folder_record(folder))
    try:
        manifest = read_manifest(folder)
    except ModelInvalid as error:
        return replace(place, faults=(FileCheck(MANIFEST, WRONG, str(error)),))
    if manifest is None:
        return place
    if not manifest.complete:
        said = "an export was interrupted while it put its files into place. Export again."
        return replace(place, manifest=manifest, faults=(FileCheck(MANIFEST, WRONG, said),))
    return replace(place, manifest=manifest, facts=dict(manifest.files))


def _missing(place: Place) -> Iterable[FileCheck]:
    """What a manifest lists and the folder lacks."""
    for name in sorted(place.facts) if place.manifest is not None else ():
        if not (place.folder / name).is_file():
            yield FileCheck(name, WRONG, f"it is missing. {AGAIN}")


def _check(place: Place, name: str, tick: Tick | None) -> FileCheck:
    path = place.folder / name
    manifest, facts = place.manifest, place.facts.get(name, FileFacts())
    if manifest is not None and name not in manifest.files and manifest.governs([name]):
        return FileCheck(name, WRONG, f"{MANIFEST} does not list it. {AGAIN}")
    if not facts.has_digest:
        facts = facts_of_blob(path)
    seen, known = place.record.get(name), facts.has_digest
    if not known and seen is not None:
        facts, known = FileFacts(sha256=seen.sha256), seen.known
    try:
        facts.check_size(path, name)
        stat = path.stat()
        found = digest_file(path, sha1=facts.sha1 is not None, tick=tick)
        facts.check_digests(found, name)
        inspect(path)
    except (ModelInvalid, OSError) as error:
        if seen is not None:  # its next use must read it too
            place.record.put(name, replace(seen, mtime_ns=-1))
        return FileCheck(name, WRONG, str(error))
    entry = Verified(stat.st_size, stat.st_mtime_ns, found.sha256, known)
    if place.revision is not None or facts.has_digest:
        place.record.put(name, entry)
    return FileCheck(name, RIGHT if facts.has_digest else UNKNOWN)


def inspect(path: Path) -> None:
    """Check what can be checked without a digest: headers, and that all weights are finite.

    Raises:
        ModelInvalid, OSError: they are not, or cannot be read.
    """
    if kind_of(path.name) == "safetensors":
        for name, place in tensor_places([path]).items():
            check_finite(path, place.offset, place.size, place.dtype, name)
    elif path.name.endswith(".onnx"):
        check_onnx_values(path)

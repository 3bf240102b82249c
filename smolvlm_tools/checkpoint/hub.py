"""Checkpoints on the hub: one listing, then a download of only the files that are asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import OfflineModeIsEnabled

from ..errors import ModelInvalid, ModelNotFound
from . import hub_cache
from .checking import check_file
from .checkpoint import Checkpoint
from .config import ModelConfig
from .files import CONFIG_FILES, is_usable, list_files
from .hub_cache import HubSettings
from .hub_errors import HUB_ERRORS, model_error
from .known_files import KNOWN_FILES, FileFacts
from .onnx_values import check_onnx_values
from .verified import VerifiedFiles

_log = logging.getLogger(__name__)

_UNREACHABLE = (httpx2.TransportError, OfflineModeIsEnabled)


@dataclass(frozen=True, slots=True)
class HubFiles:
    """The files of one commit: those that are cached, and the way to get the others.

    A file must have the size and digest that the hub states: SHA-256, or git's SHA-1 of a small
    one. Without an explicit revision it must also match `KNOWN_FILES`, so that neither a mirror nor
    a replaced "main" can slip in other weights; naming a revision is consent to what it contains.
    Offline, the names of the cache's blobs are digests too. `record` says what was read in full
    before, so that a process killed after a download leaves nothing that is taken for checked.
    """

    id: str
    commit: str
    folder: Path
    """The commit's snapshot folder in the cache."""
    names: frozenset[str]
    """Of all files or, offline, of those that are cached."""
    facts: Mapping[str, FileFacts]
    settings: HubSettings
    record: VerifiedFiles

    def require(self, name: str, remedy: str) -> None:
        if name not in self.names and self.settings.offline:
            raise hub_cache.not_cached(self.id, name)
        if name not in self.names:
            raise ModelNotFound(f"{self.id} has no {name}", remedy)

    def fetch(self, names: Iterable[str]) -> None:
        for name in sorted(names, key=lambda name: name.endswith(".onnx")):  # data before graphs
            if not is_usable(name):
                raise ModelInvalid(
                    f"{name} is not JSON, safetensors or ONNX", "Other files are never fetched."
                )
            path = self.folder / name
            if not path.is_file():
                self._download(name)
            self._check(name, path)

    def confirm(self) -> None:
        """The files of a commit never change."""

    def _download(self, name: str) -> None:
        if self.settings.offline:
            raise hub_cache.not_cached(self.id, name)
        _log.info("downloading %s of %s", name, self.id)
        hub: Any = _hub(self.settings)  # its signature names an untyped progress bar
        try:
            hub.hf_hub_download(self.id, name, revision=self.commit, cache_dir=self.settings.cache)
        except HUB_ERRORS as error:
            raise model_error(error, self.id, self.commit) from error

    def _check(self, name: str, path: Path) -> None:
        facts = self.facts.get(name, FileFacts())
        try:
            entry = check_file(path, name, facts, self.record, f"{self.id}: {name}")
        except ModelInvalid as error:
            raise self._removed(name, path, error) from error
        if entry is not None:
            if name.endswith(".onnx"):
                check_onnx_values(path)
            self.record.put(name, entry)

    def _removed(self, name: str, path: Path, error: ModelInvalid) -> ModelInvalid:
        """Remove a damaged file from the cache, if another can be had; the error that says so."""
        if self.settings.offline or isinstance(error.__cause__, OSError):
            return error
        blob = Path(os.path.realpath(path))
        try:
            path.unlink(missing_ok=True)
            blob.unlink(missing_ok=True)
        except OSError:  # a read-only cache: the error's own remedy says to delete it
            return error
        self.record.drop(name)
        return error.reworded(
            error.reason, "It was removed from the cache: try again, to fetch it anew."
        )


def _hub(settings: HubSettings) -> HfApi:
    return HfApi(endpoint=settings.endpoint, library_name="smolvlm-tools")


def open_from_hub(hub_id: str, revision: str | None, local_files_only: bool) -> Checkpoint:
    """Open a hub repository at a revision; see `open_checkpoint` for the errors."""
    source = _locate(hub_id, revision, local_files_only)
    source.require("config.json", "Name a SmolVLM checkpoint.")
    source.fetch(name for name in CONFIG_FILES if name in source.names)
    config = ModelConfig.from_folder(source.folder)
    hub_cache.remember_commit(hub_id, revision, source.commit, source.settings)
    return Checkpoint(hub_id, source.commit, source.folder, config, source.names, source)


def fetch_adapter(
    hub_id: str, revision: str | None, local_files_only: bool, names: tuple[str, ...]
) -> tuple[str, Path]:
    """Fetch files of an adapter's repository; returns its commit and the folder they are in."""
    source = _locate(hub_id, revision, local_files_only)
    for name in names:
        source.require(name, "Name a LoRA adapter that peft saved as safetensors.")
    source.fetch(names)
    hub_cache.remember_commit(hub_id, revision, source.commit, source.settings)
    return source.commit, source.folder


def _locate(hub_id: str, revision: str | None, local_files_only: bool) -> HubFiles:
    """Resolve a revision to a commit, by the hub or, if it cannot be reached, by the cache."""
    settings = hub_cache.hub_settings(local_files_only)
    if settings.offline:
        return _locate_cached(hub_id, revision, settings)
    try:
        timeout = constants.HF_HUB_ETAG_TIMEOUT
        info = _hub(settings).model_info(
            hub_id, revision=revision, files_metadata=True, timeout=timeout
        )
    except HUB_ERRORS as error:
        cached = hub_cache.cached_commit(hub_id, revision, settings)
        if not isinstance(error, _UNREACHABLE) or cached is None:
            raise model_error(error, hub_id, revision) from error
        _log.warning("The hub cannot be reached; using the cached %s of %s.", cached, hub_id)
        return _locate_cached(hub_id, revision, replace(settings, offline=True))
    if not info.sha:
        raise ModelInvalid(f"the hub states no commit for {hub_id}", "Check HF_ENDPOINT.")
    facts = {
        file.rfilename: FileFacts(file.size, file.lfs.sha256)
        if file.lfs
        else FileFacts(file.size, None, file.blob_id)
        for file in info.siblings or ()
        if is_usable(file.rfilename)
    }
    if revision is None:
        facts = _with_known_facts(hub_id, facts)
    folder = hub_cache.snapshot_folder(hub_id, info.sha, settings)
    record = hub_cache.verified_files(hub_id, info.sha, settings)
    return HubFiles(hub_id, info.sha, folder, frozenset(facts), facts, settings, record)


def _with_known_facts(hub_id: str, facts: dict[str, FileFacts]) -> dict[str, FileFacts]:
    """Replace what the hub lists by what this package knows, and refuse contradictions."""
    expected = {name: fact for name, fact in KNOWN_FILES.get(hub_id, {}).items() if name in facts}
    for name, known in expected.items():
        listed = facts[name]
        if listed.size not in (None, known.size) or listed.sha256 not in (None, known.sha256):
            raise ModelInvalid(
                f"the hub now lists another {name} for {hub_id} than the published one",
                "Name a revision explicitly to accept what it contains.",
            )
    return facts | expected


def _locate_cached(hub_id: str, revision: str | None, settings: HubSettings) -> HubFiles:
    commit = hub_cache.cached_commit(hub_id, revision, settings)
    if commit is None:
        raise hub_cache.not_cached(hub_id, f"revision {revision}" if revision else None)
    folder = hub_cache.snapshot_folder(hub_id, commit, settings)
    known = KNOWN_FILES.get(hub_id, {}) if revision is None else {}
    record = hub_cache.verified_files(hub_id, commit, settings)
    return HubFiles(hub_id, commit, folder, list_files(folder), known, settings, record)

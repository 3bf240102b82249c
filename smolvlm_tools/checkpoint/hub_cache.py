"""The hub's cache on disk, and the environment variables that locate it.

Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache,
`models--OWNER--NAME/{refs/REVISION, snapshots/COMMIT/FILE}`.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelNotFound
from .verified import VerifiedFiles

_log = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")
RECORDS = "smolvlm-verified"
"""Our own folder in a repository's; the hub's client passes it over."""

_TRUE = frozenset({"1", "ON", "YES", "TRUE"})


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How the hub is reached."""

    endpoint: str | None
    """Base URL; None for huggingface_hub's default."""
    cache: Path
    offline: bool


def hub_settings(local_files_only: bool = False) -> HubSettings:
    """Read the environment now; huggingface_hub reads it only once, when it is imported."""
    from huggingface_hub import constants

    environment = os.environ
    home = environment.get("HF_HOME")
    default = constants.HF_HUB_CACHE if home is None else Path(home) / "hub"
    cache = Path(environment.get("HF_HUB_CACHE", default))
    offline = environment.get("HF_HUB_OFFLINE", "").upper() in _TRUE or constants.HF_HUB_OFFLINE
    endpoint = environment.get("HF_ENDPOINT", "").rstrip("/") or None
    return HubSettings(endpoint, cache.expanduser().absolute(), local_files_only or offline)


def cached_commit(hub_id: str, revision: str | None, settings: HubSettings) -> str | None:
    """The commit that a revision stood for when it was last fetched, if that is cached."""
    revision = revision or "main"
    if not _COMMIT.fullmatch(revision):
        references = _repository(hub_id, settings) / "refs"
        reference = references / revision
        if ".." in Path(revision).parts or not reference.is_relative_to(references):
            return None
        try:
            revision = reference.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
    if not _COMMIT.fullmatch(revision):
        return None
    return revision if snapshot_folder(hub_id, revision, settings).is_dir() else None


def remember_commit(hub_id: str, revision: str | None, commit: str, settings: HubSettings) -> None:
    """Record which commit a branch or tag is now, so that it can be opened offline later.

    huggingface_hub records that only when it resolves a revision itself; here every download is
    pinned to the commit.
    """
    known = revision == commit or cached_commit(hub_id, revision, settings) == commit
    if settings.offline or known:
        return
    reference = _repository(hub_id, settings) / "refs" / (revision or "main")
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit, encoding="ascii")
    except OSError as error:  # a read-only shared cache still works
        _log.warning("%s cannot be opened offline later: %s", hub_id, error.strerror)


def snapshot_folder(hub_id: str, commit: str, settings: HubSettings) -> Path:
    """Where the files of one commit are cached."""
    return _repository(hub_id, settings) / "snapshots" / commit


def cached_ids(settings: HubSettings) -> list[str]:
    """The ids of all models in the cache, sorted."""
    try:
        names = sorted(path.name for path in settings.cache.glob("models--*--*") if path.is_dir())
    except OSError:
        return []
    return [name.removeprefix("models--").replace("--", "/", 1) for name in names]


def cached_commits(hub_id: str, settings: HubSettings) -> dict[str, bool]:
    """The commits of a model in the cache, and whether each is what "main" stood for last."""
    main = cached_commit(hub_id, None, settings)
    try:
        names = sorted(path.name for path in snapshot_folder(hub_id, "", settings).iterdir())
    except OSError:
        return {}
    return {name: name == main for name in names if _COMMIT.fullmatch(name)}


def verified_files(hub_id: str, commit: str, settings: HubSettings) -> VerifiedFiles:
    """The record of what was checked of one commit, beside its snapshot."""
    return VerifiedFiles(_repository(hub_id, settings) / RECORDS / f"{commit}.json")


def not_cached(hub_id: str, what: str | None = None) -> ModelNotFound:
    """The error for something that would have to be downloaded while offline."""
    return ModelNotFound(
        f"{what + ' of ' if what else ''}{hub_id} is not cached, and downloads are switched off",
        f"Run `hf download {hub_id}` with a network, leave out local_files_only and "
        'HF_HUB_OFFLINE, or use the model "embedded".',
    )


def _repository(hub_id: str, settings: HubSettings) -> Path:
    return settings.cache / f"models--{hub_id.replace('/', '--')}"

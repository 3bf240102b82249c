"""Turns huggingface_hub's exceptions into ours, each with what the user can do about it."""

from __future__ import annotations

import httpx2
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import ModelError, ModelInvalid, ModelNotFound
from .hub_cache import not_cached

HUB_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, EntryNotFoundError)
"""Everything that huggingface_hub's calls raise; its own errors derive from these."""

_ELSE = 'Or use the model "embedded", which needs no download.'


def model_error(error: Exception, hub_id: str, revision: str | None) -> ModelError:
    """The error to raise for one of `HUB_ERRORS`."""
    if isinstance(error, GatedRepoError):
        return ModelNotFound(
            f"{hub_id} is gated", "Accept its terms on the hub, then run `hf auth login`."
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelNotFound(
            f"the hub has no model {hub_id}, or it is private",
            "Check the id, or run `hf auth login`.",
        )
    if isinstance(error, RevisionNotFoundError):
        return ModelNotFound(
            f"{hub_id} has no revision {revision!r}", "Name a branch, tag or commit it has."
        )
    if isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled)):
        return not_cached(hub_id)
    if isinstance(error, EntryNotFoundError):
        return ModelNotFound(f"{hub_id} lacks a file it listed", "Try again, or name a revision.")
    if isinstance(error, HFValidationError):
        return ModelNotFound(f"{hub_id!r} is not a hub id ({error})", "Use the form owner/name.")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return ModelError(
            f"the hub answered with status {status} for {hub_id}", f"Try again later. {_ELSE}"
        )
    if isinstance(error, httpx2.TimeoutException):
        return ModelError(f"the hub did not answer in time for {hub_id}", f"Try again. {_ELSE}")
    if isinstance(error, (httpx2.HTTPError, httpx2.InvalidURL)):
        return ModelError(
            f"the hub cannot be reached for {hub_id} ({error})",
            f"Check the network and HF_ENDPOINT. {_ELSE}",
        )
    if "Consistency check failed" in str(error):  # huggingface_hub's own check of the size
        return ModelInvalid(f"the download of {hub_id} is incomplete ({error})", "Try again.")
    return ModelError(
        f"{hub_id} could not be fetched ({type(error).__name__}: {error})",
        f"Check the disk and the network. {_ELSE}",
    )

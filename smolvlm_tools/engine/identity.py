"""What an engine's replies depend on besides the request, known before its weights are loaded."""

from __future__ import annotations

import hashlib

from ..checkpoint import Checkpoint
from ..checkpoint.fingerprint import fingerprint
from ..decoding.calibration import Calibration
from ..types import Resolution, Value
from .remote.settings import BACKEND, RemoteSettings


class EngineIdentity(Value):
    """Two engines with the same identity give the same replies, but for the last bits.

    Attributes:
        model: id of the checkpoint, with the adapter's after a "+".
        revision: the hub commit; None for a folder.
        files: the commit, or a digest of a folder's files; the address of a server.
        backend, precision: what computes.
        resolution: how images are cut where a request does not say.
        max_side: most tiles along an edge; None where no memory budget lowered it.
        calibration: digest of the confidences' calibration; None without one.
    """

    model: str
    revision: str | None
    files: str
    backend: str
    precision: str
    resolution: Resolution = "auto"
    max_side: int | None = None
    calibration: str | None = None


def identity_of(
    checkpoint: Checkpoint,
    backend: str,
    precision: str,
    *,
    resolution: Resolution,
    max_side: int | None,
    calibration: Calibration | None,
) -> EngineIdentity:
    """Of an engine, loaded or not."""
    scale = calibration.model_dump_json().encode() if calibration else None
    return EngineIdentity(
        model=checkpoint.id,
        revision=checkpoint.revision,
        files=fingerprint(checkpoint),
        backend=backend,
        precision=precision,
        resolution=resolution,
        max_side=max_side,
        calibration=hashlib.sha256(scale).hexdigest()[:16] if scale else None,
    )


def remote_identity(settings: RemoteSettings) -> EngineIdentity:
    """Of a model on a server, as far as it can be known: what runs behind a name may change."""
    return EngineIdentity(
        model=settings.model,
        revision=None,
        files=settings.base_url,
        backend=BACKEND,
        precision="unknown",
        resolution="auto",
        max_side=None,
    )

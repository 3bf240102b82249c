"""Which checks can run here; nothing is loaded for it."""

from __future__ import annotations

from ...errors import BackendUnavailable
from ...images.ocr.registry import RECOGNIZERS
from ...types import CheckName
from .alignment import check_library


def find_checks() -> dict[CheckName, BackendUnavailable | None]:
    """Every recogniser by name, with what a call with that `check` would raise here, or None."""
    return {name: _lacking(name) for name in RECOGNIZERS}


def _lacking(name: CheckName) -> BackendUnavailable | None:
    try:
        check_library()
        RECOGNIZERS[name].check_installed()
    except BackendUnavailable as error:
        return error
    return None

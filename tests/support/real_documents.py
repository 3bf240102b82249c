"""The real documents beside the checkout, which are used where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.paths import ROOT


def real_document(name: str) -> Path:
    """One of them; the test is skipped where the folder is absent."""
    folders = (parent / "shared" / "real" for parent in ROOT.parents)
    for folder in folders:
        if folder.is_dir():
            return folder / name
    pytest.skip("the folder shared/real is not beside this checkout")

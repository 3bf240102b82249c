"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "examples" / "images"
SHAPES, RECEIPT = IMAGES / "shapes.png", IMAGES / "receipt.png"
REAL = ROOT.parent / "shared" / "real"
"""Real documents; `real_only` skips where they are absent."""

real_only = pytest.mark.skipif(not REAL.is_dir(), reason="no folder ../shared/real of documents")

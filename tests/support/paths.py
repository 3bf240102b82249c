"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "examples" / "images"
SHAPES, RECEIPT = IMAGES / "shapes.png", IMAGES / "receipt.png"

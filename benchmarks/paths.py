"""Where the benchmarks find configs, and keep what they build and measure."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "benchmarks" / ".checkpoints"
RESULTS = ROOT / "benchmarks" / ".results"
DEFAULT_CONFIG = ROOT.parent / "shared" / "reference" / "SmolVLM-256M-Instruct"
DEFAULT_CHECKPOINT = CHECKPOINTS / DEFAULT_CONFIG.name
"""The one that the benchmarks build where none is named."""

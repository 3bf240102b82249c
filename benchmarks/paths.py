"""Where the benchmarks find configs, and keep what they build and measure.

Engines import it while their loading is timed: it stays light.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "benchmarks" / ".checkpoints"
RESULTS = ROOT / "benchmarks" / ".results"
DEFAULT_CONFIG = ROOT.parent / "shared" / "reference" / "SmolVLM-256M-Instruct"
DEFAULT_CHECKPOINT = CHECKPOINTS / DEFAULT_CONFIG.name
"""The one that the benchmarks build where none is named."""


class GgufFiles(NamedTuple):
    """llama.cpp's files of one checkpoint, which `benchmarks.checkpoints.gguf` makes."""

    text: Path
    vision: Path
    vision_one_tile: Path

    def missing(self) -> list[str]:
        return [path.name for path in self if not path.is_file()]


def gguf_folder(checkpoint: Path) -> Path:
    """Where the GGUF files of a checkpoint are kept."""
    return checkpoint.with_name(f"{checkpoint.name}-gguf")


def gguf_files(checkpoint: Path) -> GgufFiles:
    """The GGUF files of a checkpoint, whether they exist or not."""
    names = ("text-q8_0.gguf", "mmproj-q8_0.gguf", "mmproj-one-tile-q8_0.gguf")
    return GgufFiles(*(gguf_folder(checkpoint) / name for name in names))


def plain_folder(folder: Path) -> Path:
    """Where ONNX files with standard operators only are kept, as the hub has them."""
    return folder.with_name(f"{folder.name}-plain")

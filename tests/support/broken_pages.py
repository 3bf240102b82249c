"""A TIFF file of which one page is damaged."""

from __future__ import annotations

from pathlib import Path

from tests.support.llama_index_scenes import paged


def with_a_broken_page(path: Path) -> Path:
    """Three pages, of which the second cannot be decoded."""
    paged(path, ["red", "green", "blue"], compression="tiff_deflate")
    data = bytearray(path.read_bytes())
    starts = [n for n in range(len(data)) if data[n : n + 2] == b"\x78\x9c"]
    middle = starts[len(starts) // 2]
    data[middle : middle + 8] = bytes(8)
    path.write_bytes(data)
    return path

"""Greedy tokens beside those of transformers' own `generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from smolvlm_tools import SmolVLM
from tests.support.conversations import CONVERSATIONS, fill
from tests.support.pictures import noise
from tests.support.transformers_reference import generate

NEW_TOKENS = 24

CASES = {
    "text only": ("text only", [], "native"),
    "one unsplit image": ("image first", [(45, 32)], 1),
    "one split image": ("image first", [(300, 200)], "native"),
    "two interleaved images": ("two interleaved", [(64, 64), (90, 200)], "native"),
    "three turns": ("three turns", [(120, 77)], "native"),
}


Case: TypeAlias = tuple[str, list[tuple[int, int]], "int | str"]
"""A conversation, the sizes of its images, and the resolution they are seen at."""


def check_case(vlm: SmolVLM, folder: Path, case: Case, tokens: int = NEW_TOKENS) -> None:
    name, sizes, resolution = case
    images = [noise(size, seed) for seed, size in enumerate(sizes)]
    result = vlm.generate(
        fill(CONVERSATIONS[name][0], images),
        resolution=resolution,
        max_new_tokens=tokens,
        ignore_eos=True,
        repetition_guard=False,
        logprobs=True,
    )
    side = None if resolution == "native" else resolution
    expected = generate(folder, CONVERSATIONS[name][0], images, tokens, side)
    assert [token.id for token in result.tokens or ()] == expected
    assert len(set(expected)) > 1, "a constant reply would prove little"

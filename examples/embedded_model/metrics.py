"""What is counted in a description of shapes; the arithmetic is the package's."""

from __future__ import annotations

from collections import Counter

from smolvlm_tools.quality.metrics import units

OBJECT = (
    r"\b(?:small|large) (?:red|blue|green|yellow|purple|orange|black|gray) "
    r"(?:circle|square|triangle|star)\b"
)


def named_objects(text: str) -> Counter[str]:
    """The objects a description names, each with size, colour and shape."""
    return units(text, OBJECT)

"""An answer without a value, told to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..types import VisionResult

TOLD_BY_REASON = {"truncated", "repetition", "rejected"}
"""Flags that `why_incomplete` says more about."""


def why_incomplete(result: VisionResult) -> str:
    """Why a value is held back and what to do, in the words of the command's options."""
    if result.incomplete == "unsure":
        return (
            f"the answer is withheld, because its confidence is only {result.confidence:.2f}; "
            "try a sharper or larger image, or lower --min-confidence"
        )
    if result.incomplete == "rejected":
        return "the answer breaks a rule of its type; try a sharper image, or loosen the rule"
    if result.finish_reason == "repetition":
        return (
            "the answer is cut, because the model began to repeat itself; "
            "bound the lengths in the schema, or ask for fewer things at once"
        )
    tokens = result.usage.completion_tokens
    return f"the answer is cut: it was not whole after {tokens} tokens; raise --max-new-tokens"

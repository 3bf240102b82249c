"""The error that stands for an answer without a value."""

from __future__ import annotations

from pydantic import ValidationError

from ..errors import IncompleteAnswer
from ..types import VisionResult


def incomplete_answer(result: VisionResult, refusal: ValueError | None = None) -> IncompleteAnswer:
    """What `on_incomplete="raise"` raises for a result that abstained.

    Args:
        result: the one that "abstain" gives.
        refusal: what refused the value, where something did.
    """
    if result.incomplete == "unsure" and "no_logprobs" in result.flags:
        return IncompleteAnswer(
            "the answer's confidence is not known: the server gives no log-probabilities",
            "Ask a server that gives them, or leave `min_confidence` out.",
            result,
        )
    if result.incomplete == "unsure":
        return IncompleteAnswer(
            f"the answer is unsure: its confidence {result.confidence:.4f} is below "
            "`min_confidence`",
            "Show a sharper or larger image, ask a person or a larger model, or lower "
            "`min_confidence`.",
            result,
        )
    if result.incomplete == "rejected":
        return IncompleteAnswer(
            f"the answer breaks a rule of its type ({_rule(refusal)})",
            "Show a sharper or larger image, or loosen the rule.",
            result,
        )
    if result.finish_reason == "repetition":
        return IncompleteAnswer(
            "the answer is cut: the model began to repeat itself before it was whole",
            "Bound the lengths in the schema, or ask for fewer things at once.",
            result,
        )
    return IncompleteAnswer(
        f"the answer is cut: it was not whole after {result.usage.completion_tokens} tokens",
        "Raise `max_new_tokens`, or ask for fewer things at once.",
        result,
    )


def _rule(refusal: ValueError | None) -> str:
    """The first rule that was broken, and where."""
    if not isinstance(refusal, ValidationError):
        return str(refusal or "rejected")
    first = refusal.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "/".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]

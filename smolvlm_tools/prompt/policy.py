"""What is to happen with an answer that is not whole, not sure or not valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, get_args

from ..errors import BadOptions
from ..types import OnIncomplete


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """When a value is handed out.

    Attributes:
        on_incomplete: what comes instead where there is none; see `RequestOptions`.
        min_confidence: below it the value is held back.
        min_field_confidence: below it a field of a JSON answer is taken for unread.
    """

    on_incomplete: OnIncomplete = "abstain"
    min_confidence: float | None = None
    min_field_confidence: float | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> AnswerPolicy:
        """Check the options of a policy, and take them out of `options`.

        Raises:
            BadOptions: an impossible value.
        """
        return cls(
            _parse_on_incomplete(options.pop("on_incomplete", None)),
            _parse_probability(options, "min_confidence"),
            _parse_probability(options, "min_field_confidence"),
        )

    def is_unsure(self, confidence: float) -> bool:
        """Whether an answer is held back for its confidence."""
        return self.min_confidence is not None and confidence < self.min_confidence

    @property
    def completes(self) -> bool:
        """Whether a cut answer gets an end that the model did not write."""
        return self.on_incomplete == "complete"


def _parse_on_incomplete(wish: object) -> OnIncomplete:
    known = get_args(OnIncomplete)
    if wish is None or wish in known:
        return cast("OnIncomplete", wish or "abstain")
    raise BadOptions(f"`on_incomplete={wish!r}` is unknown", f"Use one of {', '.join(known)}.")


def _parse_probability(options: dict[str, Any], name: str) -> float | None:
    """Take a share from 0 to 1 out of `options`; None where there is none."""
    share = options.pop(name, None)
    if share is None:
        return None
    if not is_share(share):
        raise BadOptions(f"`{name}={share!r}` is not a probability", "Use a number from 0 to 1.")
    return float(share)


def is_share(number: object) -> bool:
    """Whether it is a number from 0 to 1."""
    return isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number <= 1

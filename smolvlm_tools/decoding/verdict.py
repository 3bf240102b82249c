"""What a reply said → what of it is handed out as the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..prompt.request import Request
from ..types import Flag, Incomplete
from .doubtful import without_doubtful

if TYPE_CHECKING:
    from ..constraints.kinds import Grammar


class Document(Protocol):
    """A text that a grammar describes; `completion` is what was appended to a cut one."""

    @property
    def grammar(self) -> Grammar: ...

    @property
    def completion(self) -> bytes | None: ...

    @property
    def text(self) -> str: ...


class Said(Protocol):
    """What a reply said: `Spoken`, or what a server sent. `value` raises ValueError."""

    @property
    def matcher(self) -> Document | None: ...

    @property
    def text(self) -> str: ...

    @property
    def is_cut(self) -> bool: ...

    @property
    def confidence(self) -> float: ...

    @property
    def field_confidence(self) -> Mapping[str, float] | None: ...

    def value(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A value, or why there is none.

    Attributes:
        flags: besides those of the reply.
        unsure_fields: see `VisionResult.unsure_fields`.
        refusal: what refused the value.
    """

    value: Any = None
    incomplete: Incomplete | None = None
    flags: tuple[Flag, ...] = ()
    unsure_fields: tuple[str, ...] = ()
    refusal: ValueError | None = None


def judge(request: Request, spoken: Said) -> Verdict:
    """Decide what of a reply is handed out."""
    policy, matcher = request.policy, spoken.matcher
    if spoken.is_cut and (matcher is None or matcher.completion is None):
        return Verdict(incomplete="cut")
    try:
        value = spoken.text if request.text_value else spoken.value()
    except ValueError as error:
        return Verdict(incomplete="rejected", flags=("rejected",), refusal=error)
    if policy.is_unsure(spoken.confidence):
        return Verdict(incomplete="unsure")
    least, shares = policy.min_field_confidence, spoken.field_confidence
    if matcher is None or least is None or shares is None:
        return Verdict(value)
    doubtful = [pointer for pointer, share in shares.items() if share < least]
    value, unsure = without_doubtful(matcher.grammar.parse, matcher.text, value, doubtful)
    return Verdict(value, unsure_fields=unsure)

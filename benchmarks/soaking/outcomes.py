"""What became of a request, in one word, and how often and how soon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OK, BUSY, LEFT, HUNG, BROKEN = "ok", "busy", "left", "hung", "broken"
"""Answered; told to come again; given up by the client; no answer in time; connection lost."""
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    Attributes:
        word: one of the words above, or the code of a typed error.
        model_seconds: what the result says the model worked.
        retry_after: what Busy says.
        detail: for an outcome that nobody expected.
    """

    word: str
    model_seconds: float | None = None
    retry_after: float | None = None
    detail: str = ""


def of_message(message: Mapping[str, Any]) -> Outcome:
    """The outcome that a JSON-RPC response to tools/call tells."""
    if "error" in message:
        error = message["error"]
        code = (error.get("data") or {}).get("code", f"rpc {error.get('code')}")
        return Outcome(code, detail=json.dumps(error)[:300])
    result = message["result"]
    if not result.get("isError"):
        usage = (result.get("structuredContent") or {}).get("usage") or {}
        return Outcome(OK, model_seconds=usage.get("seconds"))
    error = json.loads(result["content"][-1]["text"])["error"]
    return Outcome(error["code"], None, error.get("retry_after_seconds"), error["reason"][:300])


@dataclass(slots=True)
class Tally:
    """Outcomes by kind of request, and seconds by stage."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    unexpected: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, expected: frozenset[str], outcome: Outcome, seconds: float) -> None:
        """Count an outcome; `seconds` is what the client saw."""
        self.counts.setdefault(kind, Counter())[outcome.word] += 1
        if outcome.word not in expected:
            self.unexpected[kind] = self.unexpected.get(kind, 0) + 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(f"{kind}: {outcome.word} {outcome.detail}".strip())
        if outcome.word == BUSY:
            self.note("to Busy", seconds)
        elif outcome.word == OK and outcome.model_seconds is not None:
            self.note("an answer", seconds)
            self.note("of it the model", outcome.model_seconds)
            self.note("of it queue, image and way", seconds - outcome.model_seconds)
        elif outcome.word == OK:
            self.note("to load an image", seconds)
        elif outcome.word not in (LEFT, HUNG, BROKEN):
            self.note("to a typed error", seconds)

    @property
    def total(self) -> int:
        """Requests that have ended."""
        return sum(sum(counts.values()) for counts in self.counts.values())

    @property
    def right(self) -> float:
        """The part of the outcomes that were expected, from 0 to 1."""
        return 1 - sum(self.unexpected.values()) / self.total if self.total else 1.0

    def note(self, stage: str, seconds: float) -> None:
        self.seconds.setdefault(stage, []).append(seconds)


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` of all do not exceed; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))] if ranked else 0.0

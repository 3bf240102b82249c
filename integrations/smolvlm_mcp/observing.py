"""What calls do and how they end, for logs, metrics and spans; never what they are about.

An observer gets a `CallRecord` when a call has ended: names, numbers and codes alone, so that no
observer can give away an image, a text or a path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from smolvlm_tools import Progress
from smolvlm_tools.tools import TOOLS, ToolProgress

OK = "ok"
CANCELLED = "cancelled"
FAULT = "internal_error"
UNKNOWN = "unknown"
"""Stands for the name of a tool that does not exist: what clients make up is repeated nowhere."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that has ended.

    Attributes:
        tool: its name, or "unknown".
        outcome: "ok" or the code of the error.
        began: Unix time, in seconds.
        seconds: how long it took, waiting included.
        stages: seconds by stage: "wait" until the engine has taken it and prepared its images,
            and load, preprocess, vision, prefill and decode.
        tiles: pieces its images were cut into; 0 where no model ran.
        prompt_tokens: tokens the model read.
        completion_tokens: tokens the model wrote.
    """

    tool: str
    outcome: str
    began: float
    seconds: float
    stages: dict[str, float]
    tiles: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


Observer = Callable[[CallRecord], None]


@dataclass(eq=False, slots=True)
class Call:
    """A call under way."""

    tool: str
    outcome: str = FAULT
    usage: Any = None
    waits: bool = True
    """Whether the engine has not taken it yet."""
    stages: dict[str, float] = field(default_factory=dict[str, float])
    began: float = field(default_factory=time.time)
    _started: float = field(default_factory=time.perf_counter)
    _at: float = field(default_factory=time.perf_counter)

    def on_progress(self, progress: ToolProgress | Progress) -> None:
        """Take progress, from any thread: the time since the last one goes to its stage."""
        self.waits = self.waits and progress.stage == "load"
        first = progress.stage == "load" and not progress.done
        self._add("wait" if first or not self.stages else progress.stage)

    def succeeded(self, output: Any) -> None:
        """Note the tool's output: how much it was, not what."""
        self.outcome = OK
        self.usage = getattr(output, "usage", None)

    def record(self) -> CallRecord:
        """What is to be told of it."""
        if not self.stages:
            self._add("wait")
        seconds = time.perf_counter() - self._started
        counted = {
            name: getattr(self.usage, name, 0)
            for name in ("tiles", "prompt_tokens", "completion_tokens")
        }
        return CallRecord(
            self.tool, self.outcome, self.began, seconds, dict(self.stages), **counted
        )

    def _add(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._at
        self._at = now


class Activity:
    """The calls of one server."""

    def __init__(
        self,
        observers: Iterable[Observer] = (),
        held: Callable[[], int] = int,
        names: Iterable[str] = TOOLS,
    ) -> None:
        self.observers = list(observers)
        self._names = frozenset(names)
        self.held = held
        """Returns the bytes of images that are kept."""
        self._calls: dict[Call, None] = {}

    @property
    def running(self) -> int:
        """Calls that have not ended."""
        return len(self._calls)

    @property
    def waiting(self) -> int:
        """Those of them that the engine has not taken yet."""
        return sum(call.waits for call in [*self._calls])

    @contextmanager
    def watch(self, name: str) -> Generator[Call]:
        """Watch a call from here to the end of the block."""
        call = Call(name if name in self._names else UNKNOWN)
        self._calls[call] = None
        try:
            yield call
        finally:
            del self._calls[call]
            record = call.record()
            for observe in self.observers:
                observe(record)

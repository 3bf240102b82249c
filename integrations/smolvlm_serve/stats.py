"""Figures for the page: what is running, how fast, and memory against its budget."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from smolvlm_mcp.observing import Activity, CallRecord

from smolvlm_tools.machine.meter import resident

_SECONDS = 60.0
"""What "lately" means."""


class Stats:
    """Looks at the calls of the last minute; `clock` returns Unix time."""

    def __init__(self, activity: Activity, clock: Callable[[], float] = time.time) -> None:
        self._activity, self._clock = activity, clock
        self._ended: deque[CallRecord] = deque(maxlen=10_000)
        self._started = clock()
        activity.observers.append(self._ended.append)

    def lately(self) -> dict[str, Any]:
        """Calls and tokens of the last minute, and what is under way."""
        since = self._clock() - _SECONDS
        ended = [call for call in [*self._ended] if call.began + call.seconds > since]
        decoding = sum(call.stages.get("decode", 0.0) for call in ended)
        tokens = sum(call.completion_tokens for call in ended)
        return {
            "running": self._activity.running,
            "waiting": self._activity.waiting,
            "ended": len(ended),
            "failed": sum(call.outcome != "ok" for call in ended),
            "completion_tokens": tokens,
            "tokens_per_second": round(tokens / decoding, 1) if decoding else None,
            "tiles": sum(call.tiles for call in ended),
            "seconds_of_window": min(_SECONDS, round(self._clock() - self._started, 1)),
        }


def memory() -> dict[str, int]:
    """Bytes of this process that are in memory."""
    return {"resident_bytes": resident().now()}

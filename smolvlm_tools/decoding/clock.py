"""Wall time per stage of one request."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import get_args

from ..types import Stage, StageSeconds


class StageClock:
    """Adds up the time spent inside each stage; time between stages is not counted."""

    def __init__(self) -> None:
        self._seconds: dict[Stage, float] = dict.fromkeys(get_args(Stage), 0.0)

    @contextmanager
    def stage(self, name: Stage) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - start

    def seconds(self) -> StageSeconds:
        return StageSeconds(**self._seconds)

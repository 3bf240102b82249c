"""How far a call has come."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..types import Progress, Stage

_SAID = {
    "load": "loading the model",
    "preprocess": "preparing images",
    "vision": "looking: {done} of {total} tiles",
    "prefill": "reading the prompt",
    "decode": "writing: {done} tokens of at most {total}",
}
"""Of each stage, what is being done."""


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """How far a call has come; "load" is loading the model, the rest as in `Progress`."""

    stage: Literal["load"] | Stage
    done: int
    total: int
    page: int = 1
    pages: int = 1

    @property
    def message(self) -> str:
        """For people: what is being done, with the exact counts."""
        page = f"page {self.page} of {self.pages}: " if self.pages > 1 else ""
        return page + _SAID[self.stage].format(done=self.done, total=self.total)

    @classmethod
    def of(cls, told: Progress) -> ToolProgress:
        """What an engine has told."""
        return cls(told.stage, told.done, told.total, told.page, told.pages)


OnProgress: TypeAlias = Callable[[ToolProgress], None]
"""Called with progress, on the engine's thread or the caller's; must be quick and not raise."""


@contextmanager
def report_loading(on_progress: OnProgress | None, *, loaded: bool) -> Generator[None]:
    """Report that the block loads the engine, if somebody listens and it is not `loaded` yet."""
    if on_progress is None or loaded:
        yield
        return
    on_progress(ToolProgress("load", 0, 1))
    yield
    on_progress(ToolProgress("load", 1, 1))

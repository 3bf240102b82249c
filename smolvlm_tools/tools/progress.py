"""How far a call has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..types import Stage


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """How far a call has come; "load" is loading the model, the rest as in `Progress`."""

    stage: Literal["load"] | Stage
    done: int
    total: int
    page: int = 1
    pages: int = 1


OnProgress: TypeAlias = Callable[[ToolProgress], None]
"""Called with progress, on the engine's thread or the caller's; must be quick and not raise."""

"""The engine's calls behind a tool's call: one about all its images, or one for each page."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..types import Progress
from .image_store import StoredImage
from .page_reading import one_by_one
from .progress import OnProgress, ToolProgress
from .schema import ToolInput
from .tool import ModelTool

_COMMON_OPTIONS = ("context", "min_confidence", "min_field_confidence", "max_new_tokens")


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Name, arguments and keywords of one call of an engine's method."""

    method: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]


def engine_requests(
    tool: ModelTool,
    arguments: ToolInput,
    images: Sequence[StoredImage],
    on_progress: OnProgress | None,
    cancel: threading.Event | None,
) -> list[EngineRequest]:
    """What to ask the engine for, in order."""
    asked = tool.ask(arguments)
    common = {name: getattr(arguments, name, None) for name in _COMMON_OPTIONS}
    common["cancel"] = cancel
    options = {**asked.options, **{k: value for k, value in common.items() if value is not None}}
    together = [[image] for image in images] if asked.by_page and one_by_one(images) else [images]
    return [
        EngineRequest(
            asked.method,
            ([image.encoded for image in group], *asked.arguments),
            {**options, **_reporting(on_progress, place, len(together))},
        )
        for place, group in enumerate(together, 1)
    ]


def _reporting(on_progress: OnProgress | None, page: int, pages: int) -> dict[str, Any]:
    if on_progress is None:
        return {}
    report = on_progress  # pyright forgets the check inside the function

    def pass_on(progress: Progress) -> None:
        report(ToolProgress(progress.stage, progress.done, progress.total, page, pages))

    return {"on_progress": pass_on}

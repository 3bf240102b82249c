"""The engine's calls behind a tool's call: one about all its images, or one for each page."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import SmolVLMError
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
    page: str | None = None  # "page 2 of 5", where pages are read one by one

    @contextmanager
    def naming_page(self) -> Generator[None]:
        """Have errors say which page could not be read."""
        try:
            yield
        except SmolVLMError as error:
            if self.page is None:
                raise
            raise error.reworded(f"{self.page}: {error.reason}", error.remedy) from error


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
    by_page = asked.by_page and one_by_one(images)
    together = [[image] for image in images] if by_page else [images]
    return [
        EngineRequest(
            asked.method,
            ([image.encoded for image in group], *asked.arguments),
            {**options, **_reporting(on_progress, place, len(together))},
            f"page {group[0].page} of {group[0].pages}" if by_page else None,
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

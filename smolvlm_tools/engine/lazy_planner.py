"""A planner that is opened when it is first asked, once; it loads no weights."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..types import GenerationOptions, MessageLike, RequestPlan, Task
from .loading import OF_THE_ENGINE
from .remote.settings import BACKEND, OF_SERVERS, cannot_plan, refuse_remote_options

if TYPE_CHECKING:
    from ..images import EncodedImage
    from ..memory.plan import LoadPlan
    from ..prompt.request import RequestOptions
    from .planner import LoadOptions, Planner
    from .smolvlm import SmolVLM


class LazyPlanner:
    """Plans the requests of a checkpoint, and loads it by the same plan; safe between threads.

    Args:
        name: see `SmolVLM.load`.
        options: the other keywords of `SmolVLM.load`, but for `tune`.
    """

    def __init__(self, name: str | Path, options: Mapping[str, Any]) -> None:
        self._name = name
        self._engine = {key: options[key] for key in OF_THE_ENGINE if key in options}
        self._server = {key: options[key] for key in OF_SERVERS if key in options}
        others = options.keys() - {*OF_THE_ENGINE, *OF_SERVERS}
        self._options = {key: options[key] for key in others}
        self._planner: Planner | None = None
        self._lock = threading.Lock()

    @property
    def load_plan(self) -> LoadPlan:
        """How the model would be loaded; raises what `SmolVLM.load` raises."""
        return self._open().load_plan

    def plan(self, sources: Sequence[EncodedImage], task: Task) -> RequestPlan:
        """As `SmolVLM.plan`; raises what that and `SmolVLM.load` raise."""
        from ..prompt.request import Request
        from ..prompt.tasks import task_messages

        planner = self._open()
        messages = task_messages(list(sources), task, "?")
        request = Request(messages, GenerationOptions(), planner.resolution, task)
        return planner.plan(request)[0]

    def count_tokens(self, messages: Sequence[MessageLike], options: RequestOptions) -> int:
        """As `SmolVLM.count_tokens`; raises what that and `SmolVLM.load` raise."""
        from ..prompt.request import make_request

        planner = self._open()
        image = planner.layouter.checkpoint.config.image
        request = make_request(
            messages, options, None, planner.resolution, image, lambda answer: None
        )
        return planner.layouter.count_tokens(request)

    def encode(self, text: str) -> list[int]:
        """As `SmolVLM.encode`; raises what that and `SmolVLM.load` raise."""
        return self._open().layouter.encode(text)

    def load(self) -> SmolVLM:
        """Load the model; raises what `SmolVLM.load` raises."""
        from .smolvlm import SmolVLM

        if self._options.get("backend") == BACKEND:
            return SmolVLM.load(self._name, **self._options, **self._server, **self._engine)
        return SmolVLM.load_planned(self._open(), **self._engine)

    def _open(self) -> Planner:
        from .planner import Planner

        if self._options.get("backend") == BACKEND:
            raise cannot_plan()
        with self._lock:
            if self._planner is None:
                refuse_remote_options(self._server)
                options = cast("LoadOptions", self._options)
                self._planner = Planner.open(self._name, **options)
            return self._planner

"""`Toolbox`: one call for every tool; knows images, arguments and the engine, not what tools say.

name, arguments → checked → images → engine (loaded now if need be) → result → output model
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..engine.lazy import LazyEngine
from ..errors import BadOptions, SmolVLMError
from ..images import ImagePolicy
from ..types import Progress, Stage, VisionResult
from .arguments import check_arguments
from .discretion import discreet
from .images import ImageStore, StoredImage
from .outlook import LazyPlanner, Outlook
from .registry import find_tool
from .schema import ToolOutput
from .speed import Speed
from .tool import Asking, Looking

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM

Loader: TypeAlias = "Callable[[], SmolVLM]"


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """How far a call has come; "load" is the model's own loading, the rest as in `Progress`."""

    stage: Literal["load"] | Stage
    done: int
    total: int


OnProgress: TypeAlias = Callable[[ToolProgress], None]
"""Told of progress, on the engine's thread or the caller's: to be quick, and not to raise."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call whose arguments are checked and whose images are read."""

    work: Asking | Looking
    given: Any
    images: Sequence[StoredImage]


class Toolbox:
    """Runs tools by name, for agents.

        >>> from smolvlm_tools.tools import Toolbox
        >>> with Toolbox.load("embedded") as toolbox:
        ...     reply = toolbox.call("answer_question", {
        ...         "image": "examples/images/shapes.png",
        ...         "question": "What color is the circle?",
        ...     })
        >>> reply.value
        'red'

    What tools load is kept in `store`, and every result names handles for it. Safe between threads.

    Args:
        vlm: a loaded engine, or a function that loads one when a tool first needs it. Close a
            loaded one yourself; one that the toolbox loaded, `close` closes.
        policy: which images are let in; None for `agent_policy()`: files below the working
            directory, no URLs.
        store: images by handle; None for one of 64 MB under `policy`. It brings its own policy.
    """

    def __init__(
        self,
        vlm: SmolVLM | Loader,
        *,
        policy: ImagePolicy | None = None,
        store: ImageStore | None = None,
    ) -> None:
        if policy is not None and store is not None:
            raise BadOptions("both policy and store are given", "The store has a policy already.")
        self.store = store or ImageStore(policy)
        self.speed = Speed()
        self._own = callable(vlm)
        self._engine = LazyEngine(vlm) if callable(vlm) else LazyEngine.ready(vlm)
        self._outlook = Outlook(self._engine, self.speed)

    @classmethod
    def load(
        cls,
        name: str | Path = "256m",
        *,
        policy: ImagePolicy | None = None,
        store: ImageStore | None = None,
        **options: Any,
    ) -> Toolbox:
        """A toolbox for a checkpoint whose weights are loaded by the first call that needs them.

        Args:
            name: see `SmolVLM.load`.
            policy: see the class.
            store: see the class.
            options: other keywords of `SmolVLM.load`, which are checked when it is called.
        """
        toolbox = cls(lambda: planner.load(), policy=policy, store=store)
        planner = LazyPlanner(name, {**options, "policy": toolbox.store.policy})
        toolbox._outlook = Outlook(toolbox._engine, toolbox.speed, planner)
        return toolbox

    @property
    def loaded(self) -> SmolVLM | None:
        """The engine if it is there already."""
        return self._engine.loaded

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> ToolOutput:
        """Run a tool.

        Args:
            name: of the tool.
            arguments: by name, or as JSON text.
            on_progress: see `OnProgress`.
            cancel: setting it ends the call with `Cancelled`.

        Returns:
            The tool's output model; `model_dump(mode="json")` fits its output schema.

        Raises:
            UnknownTool: there is no such tool.
            BadArguments: the arguments do not fit its schema.
            SmolVLMError: its images, the request or the model cannot be had or used. No error names
                a path of this machine that was not in the arguments.
        """
        with _discreetly() as sent:
            call = self._prepare(name, arguments, sent)
            if isinstance(call.work, Looking):
                return call.work.look(self._outlook, call.given, call.images)
            with self._telling(on_progress):
                engine = self._engine.get()
            method, given, options = _engine_call(call.work, call, on_progress, cancel)
            result = getattr(engine, method)(*given, **options)
            return self._finish(call.work, call, result)

    async def acall(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> ToolOutput:
        """`call` for an event loop; cancelling the task frees the engine."""
        with _discreetly() as sent:
            call = await asyncio.to_thread(self._prepare, name, arguments, sent)
            if isinstance(call.work, Looking):
                look = call.work.look
                return await asyncio.to_thread(look, self._outlook, call.given, call.images)
            with self._telling(on_progress):
                engine = await self._engine.aget()
            method, given, options = _engine_call(call.work, call, on_progress, cancel)
            result = await getattr(engine, f"a{method}")(*given, **options)
            return self._finish(call.work, call, result)

    def close(self) -> None:
        """Forget the images, and close the engine if the toolbox loaded it."""
        self.store.clear()
        if self._own:
            self._engine.close()

    def __enter__(self) -> Toolbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self, name: str, arguments: Mapping[str, Any] | str, sent: list[str]) -> _Call:
        """Check a call and read its images; `sent` gets what the caller wrote for them."""
        tool = find_tool(name)
        given: Any = check_arguments(tool, arguments)
        sent.extend(given.sources)
        return _Call(tool.work, given, [self.store.load(source) for source in given.sources])

    def _finish(self, work: Asking, call: _Call, result: VisionResult) -> ToolOutput:
        self.speed.observe(result.usage)
        return work.report(call.given, result, call.images)

    @contextmanager
    def _telling(self, on_progress: OnProgress | None) -> Generator[None]:
        """Tell of the loading, if there is any to wait for."""
        if on_progress is None or self.loaded is not None:
            yield
            return
        on_progress(ToolProgress("load", 0, 1))
        yield
        on_progress(ToolProgress("load", 1, 1))


@contextmanager
def _discreetly() -> Generator[list[str]]:
    """Keep paths of this machine out of errors, but those that get into the list."""
    sent: list[str] = []
    try:
        yield sent
    except SmolVLMError as error:
        told = discreet(error, sent)
        if told is error:
            raise
        raise told from error


def _engine_call(
    work: Asking, call: _Call, on_progress: OnProgress | None, cancel: threading.Event | None
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Name, arguments and keywords of the engine's method."""
    wanted = work.ask(call.given)
    options: dict[str, Any] = dict(wanted.options)
    if cancel is not None:
        options["cancel"] = cancel
    if on_progress is not None:
        tell = on_progress  # pyright forgets the check inside the function

        def pass_on(progress: Progress) -> None:
            tell(ToolProgress(progress.stage, progress.done, progress.total))

        options["on_progress"] = pass_on
    sources = [image.data for image in call.images]
    return wanted.method, (sources, *wanted.arguments), options

"""`Toolbox`: one call for every tool.

name, arguments → checked → images → engine (loaded now if need be) → result → output model
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..engine.lazy import LazyEngine
from ..engine.lazy_planner import LazyPlanner
from ..engine.shared import EngineSource, GivenEngine, SharedEngine
from ..errors import BadOptions, SmolVLMError
from ..images import PolicyLike
from ..machine.closing import Closing
from ..machine.stopping import stoppable_by
from ..machine.threads import check_of, in_thread
from ..prompt.request import RequestOptions
from ..types import Progress, VisionResult
from .arguments import check_arguments
from .image_store import ImageStore, StoredImage
from .outlook import Outlook
from .progress import OnProgress, ToolProgress, report_loading
from .redact import redact
from .registry import find_tool
from .replies import judgement, model_reply, whole_usage
from .schema import ToolInput, ToolOutput
from .speed import Speed
from .tool import ImageTool, ModelTool

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM

Loader: TypeAlias = "Callable[[], SmolVLM]"
_FREE_TEXT = ("describe", "transcribe")
_COMMON_OPTIONS = (
    *("context", "min_confidence", "min_field_confidence", "max_new_tokens"),
    *("frames", "start", "end"),
)


class Toolbox(Closing):
    """Runs tools by name, for agents.

        >>> from smolvlm_tools.tools import Toolbox
        >>> with Toolbox.load("embedded") as toolbox:
        ...     reply = toolbox.call("answer_question", {
        ...         "image": "examples/images/shapes.png",
        ...         "question": "What color is the circle?",
        ...     })
        >>> reply.value
        'red'

    Images are kept in `store`, and every result names handles for them. Safe to share between
    threads.

    Args:
        vlm: a loaded engine; or a function that loads one when a tool first needs it; or a claim
            on a shared one, which images are planned for before it is loaded. `close` closes an
            engine that the toolbox loaded and gives a claim up; closing an engine you passed in is
            up to you.
        policy: which images are accepted, or its name; None for `agent_policy()`: files below the
            working directory, no URLs. It holds for the engine, too, whatever that was loaded with.
        store: images by handle, with their own policy; None for one of 64 MB under `policy`.
        options: of requests, where a call says nothing; `stop` holds for free text only.
    """

    def __init__(
        self,
        vlm: SmolVLM | Loader | EngineSource,
        *,
        policy: PolicyLike | None = None,
        store: ImageStore | None = None,
        options: RequestOptions | None = None,
    ) -> None:
        if policy is not None and store is not None:
            raise BadOptions("both policy and store are given", "The store has a policy already.")
        self.store = store or ImageStore(policy)
        self.speed = Speed()
        self._options = dict(options or {})
        self._claim = vlm if isinstance(vlm, SharedEngine) else None
        if isinstance(vlm, SharedEngine):
            vlm = vlm.get
        elif isinstance(vlm, GivenEngine):
            vlm = vlm.loaded
        self._own = callable(vlm)
        self._engine = LazyEngine(vlm) if callable(vlm) else LazyEngine.ready(vlm)
        planner = self._claim.planner(self.store.policy) if self._claim else None
        self._outlook = Outlook(self._engine, self.speed, planner)

    @classmethod
    def load(
        cls,
        name: str | Path = "256m",
        *,
        policy: PolicyLike | None = None,
        store: ImageStore | None = None,
        **options: Any,
    ) -> Toolbox:
        """A toolbox for a checkpoint whose weights are loaded by the first call that needs them.

        Args:
            name: see `SmolVLM.load`.
            policy: see the class.
            store: see the class.
            options: other keywords of `SmolVLM.load`, checked when the engine is loaded.
        """
        toolbox = cls(lambda: planner.load(), policy=policy, store=store)
        planner = LazyPlanner(name, {**options, "policy": toolbox.store.policy})
        toolbox._outlook = Outlook(toolbox._engine, toolbox.speed, planner)
        return toolbox

    @property
    def loaded(self) -> SmolVLM | None:
        """The engine if it is there already."""
        return self._engine.loaded

    def preload(self) -> None:
        """Load the engine now; raises what `SmolVLM.load` does."""
        self._engine.get()

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
            name: the tool's name.
            arguments: by name, or as JSON text.
            on_progress: see `OnProgress`.
            cancel: setting it ends the call with `Cancelled`.

        Returns:
            The tool's output model; `model_dump(mode="json")` fits its output schema.

        Raises:
            UnknownTool: there is no such tool.
            BadArguments: the arguments do not fit its schema.
            SmolVLMError: an image, the request or the model cannot be read or used. No error names
                a path of this machine that was not in the arguments.
        """
        with _redacted_errors() as sent, stoppable_by(check_of(cancel)):
            tool, checked = self._check(name, arguments, sent)
            images = self._images(checked)
            if isinstance(tool, ImageTool):
                return tool.look(self._outlook, checked, images)
            with report_loading(on_progress, loaded=self.loaded is not None):
                engine = self._engine.get()
            method, given, options = self._engine_call(tool, checked, images, on_progress, cancel)
            result = getattr(engine, method)(*given, **options)
            return self._report(tool, images, result)

    async def acall(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> ToolOutput:
        """`call` for an event loop; cancelling the task frees the engine."""
        with _redacted_errors() as sent:
            tool, checked = self._check(name, arguments, sent)
            images = await in_thread(partial(self._images, checked), cancel)
            if isinstance(tool, ImageTool):
                look = partial(tool.look, self._outlook, checked, images)
                return await in_thread(look, cancel)
            with report_loading(on_progress, loaded=self.loaded is not None):
                engine = await self._engine.aget()
            method, given, options = self._engine_call(tool, checked, images, on_progress, cancel)
            result = await getattr(engine, f"a{method}")(*given, **options)
            return self._report(tool, images, result)

    def close(self) -> None:
        """Forget the images, and close the engine if the toolbox loaded it."""
        self.store.clear()
        if self._claim is not None:
            self._claim.release()
        elif self._own:
            self._engine.close()

    def _check(
        self, name: str, arguments: Mapping[str, Any] | str, sent: list[str]
    ) -> tuple[ModelTool | ImageTool, ToolInput]:
        """Check a call, in no more than milliseconds; adds its image arguments to `sent`."""
        tool = find_tool(name)
        checked = check_arguments(tool, arguments)
        sent.extend(checked.sources)
        if isinstance(tool, ModelTool) and self.loaded is not None:
            self.loaded.check_room()  # images are not read for a call that is refused anyway
        return tool, checked

    def _images(self, arguments: ToolInput) -> list[StoredImage]:
        return self.store.load_all(arguments.sources, arguments.page_choice)

    def _report(
        self,
        tool: ModelTool,
        images: list[StoredImage],
        result: VisionResult | dict[str, VisionResult],
    ) -> ToolOutput:
        results = [result] if isinstance(result, VisionResult) else list(result.values())
        worth = judgement(result) if isinstance(result, VisionResult) else {}
        for usage in [page.usage for page in results[0].pages] or [whole_usage(results)]:
            self.speed.observe(usage)
        return tool.output(**tool.report(result), **worth, **model_reply(results, images))

    def _engine_call(
        self,
        tool: ModelTool,
        arguments: ToolInput,
        images: list[StoredImage],
        on_progress: OnProgress | None,
        cancel: threading.Event | None,
    ) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Name, arguments and keywords of the engine's method."""
        asked = tool.ask(arguments)
        common = {name: getattr(arguments, name, None) for name in _COMMON_OPTIONS}
        common |= {"cancel": cancel, "policy": self.store.policy}
        if on_progress is not None:
            report = on_progress  # pyright forgets the check inside the function

            def pass_on(told: Progress) -> None:
                report(ToolProgress.of(told))

            common["on_progress"] = pass_on
        ours = dict(self._options)
        if asked.method not in _FREE_TEXT:
            ours.pop("stop", None)
        options = {
            **ours,
            **asked.options,
            **{k: value for k, value in common.items() if value is not None},
        }
        return asked.method, ([image.encoded for image in images], *asked.arguments), options


@contextmanager
def _redacted_errors() -> Generator[list[str]]:
    """Keep paths of this machine out of errors, except those added to the list."""
    sent: list[str] = []
    try:
        yield sent
    except SmolVLMError as error:
        redacted = redact(error, sent)
        if redacted is error:
            raise
        raise redacted from error

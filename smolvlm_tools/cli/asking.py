"""describe, ask, transcribe and extract: one loop over images and pages, whatever is asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import typer

from ..errors import OutOfMemoryBudget, SmolVLMError
from ..images import EncodedImage
from .console import Answers, report, reserve_stdout, working
from .course import Course
from .entries import Entries, parse_form
from .image_task import ImageTask
from .images import Found, Place, check_readable, each_page
from .options import AnswerOptions, ModelChoice
from .page_options import PageOptions
from .process import NO_MODEL, uninterrupted
from .showing import tell, words

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM
    from ..types import VisionResult

AT_ONCE = 16
"""Most requests in the engine: those that decode together, and those that take their places."""

_BYTES_AT_ONCE = 16_000_000
"""Most bytes of encoded images that wait, besides the one that is next."""

Reply = TypeVar("Reply")
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asking(Generic[Reply]):
    """What is asked about every image.

    Attributes:
        ask: waits for the reply; gets the image, the options of the engine that it has to pass on,
            and what is to be called with words as they come, or None.
        show: prints a reply and notes; gets the image's name where there are several. It returns
            JSON data, and whether an answer has no value.
        in_words: whether words can be printed as they come.
        at_once: most images that the engine is asked about at a time.
    """

    ask: Callable[[SmolVLM, EncodedImage, dict[str, Any], Say | None], Reply]
    show: Callable[[Reply, str | None, Answers], tuple[dict[str, Any], bool]]
    in_words: bool = False
    at_once: int = AT_ONCE


def answer_images(
    images: list[str],
    task: ImageTask,
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Answer about each image or page.

    Raises:
        typer.Exit: an image could not be used, or the reader has gone away.
    """
    wanted: dict[str, Any] = {"task": task.task, **options.for_engine(), **pages.of_video}
    if task.text is not None:
        wanted["text"] = task.text
    if task.answer is not None:
        wanted["answer"] = task.answer
    if task.checker is not None:
        wanted = {**task.checker.options(cast("Any", wanted))}
    task.messages("")  # a mistake in the wording must not cost loading a model

    in_words = task.checker is None  # a check may change them

    def ask(
        engine: SmolVLM, source: EncodedImage, watch: dict[str, Any], say: Say | None
    ) -> VisionResult:
        judge = task.read(source)
        reply = engine.stream(task.messages(source), **wanted, **watch)
        for chunk in reply:
            if say:
                say(chunk.text)
        if say:
            say("\n")
        return judge(reply.result())

    def show(
        result: VisionResult, name: str | None, answers: Answers
    ) -> tuple[dict[str, Any], bool]:
        streamed = in_words and options.streams(answers.is_terminal)
        if not streamed and not options.in_json:
            if name:
                answers.line(f"{name}:")
            if not result.abstained or options.may_abstain:
                answers.line(words(result))
        tell(result, name, options)
        # One result is one page here, so its own `pages` are none: the name is free.
        return result.model_dump(mode="json", exclude={"pages"}), result.abstained

    answer_each(images, pages, choice, options, Asking(ask, show, in_words))


def answer_each(
    images: list[str],
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
    asking: Asking[Any],
) -> None:
    """Load the model for the first image that is whole, and answer about each image or page.

    Raises:
        typer.Exit: an image could not be used, an answer has no value, or the reader is gone.
    """
    choice.check()
    form = parse_form(options.as_json, options.as_jsonl)
    with reserve_stdout() as answers:
        entries = Entries(answers, form)
        streaming = asking.in_words and options.streams(answers.is_terminal)
        loop = _Loop(choice, asking, entries, streaming)
        with entries.kept():
            try:
                for place, found in each_page(images, pages):
                    loop.begin(place, found)
                loop.show_rest()
            except KeyboardInterrupt:
                loop.show_done()
                raise
            finally:
                loop.stop()
        loop.close()  # not on Ctrl-C: closing waits for the token that is being computed
        entries.finish(incomplete=loop.abstained and not options.may_abstain)


@dataclass(frozen=True, slots=True)
class _Begun:
    """An image that is being answered about, or why it cannot be."""

    place: Place
    reply: Callable[[Say], Any] | SmolVLMError
    is_done: Callable[[], bool]
    course: Course
    nbytes: int = 0
    wait: Callable[[], object] | None = None
    """Waits until it is done, where another thread does it."""


class _Loop:
    """Asks about images ahead of the one whose answer is shown next, in their order."""

    def __init__(
        self, choice: ModelChoice, asking: Asking[Any], entries: Entries, streaming: bool
    ) -> None:
        self._choice, self._asking = choice, asking
        self._entries, self._answers = entries, entries.answers
        self._streaming = streaming
        self._engine: SmolVLM | None = None
        self._begun: deque[_Begun] = deque()
        self._at_once = 1 if streaming else asking.at_once
        self._threads = ThreadPoolExecutor(self._at_once)
        self._cancel = threading.Event()
        self.abstained = False

    def begin(self, place: Place, found: Found) -> None:
        """Have an image answered about; then show what is there, or what has to be waited for."""
        self._begun.append(self._ask(place, found))
        while self._begun and (self._is_full or self._begun[0].is_done()):
            self._show_next()

    def show_rest(self) -> None:
        """Wait for all answers and show them."""
        while self._begun:
            self._show_next()

    def show_done(self) -> None:
        """Show the answers that are there, and wait for none."""
        for begun in self._begun:
            if begun.is_done():
                self._show(begun)

    def stop(self) -> None:
        """Give up the others."""
        self._cancel.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Free the model."""
        if self._engine is not None:
            self._engine.close()

    @property
    def _is_full(self) -> bool:
        nbytes = sum(each.nbytes for each in self._begun) - self._begun[0].nbytes
        return len(self._begun) >= self._at_once or nbytes > _BYTES_AT_ONCE

    def _ask(self, place: Place, found: Found) -> _Begun:
        course = Course(place)
        try:
            if isinstance(found, SmolVLMError):
                raise found
            if self._engine is None:
                check_readable(found)  # a broken image must not cost a download
        except SmolVLMError as error:
            return _Begun(place, error, lambda: True, course)
        engine = self._engine = self._engine or _load(self._choice)
        watch = {"on_progress": course, "cancel": self._cancel}
        ask = partial(self._asking.ask, engine, found, watch)
        if self._streaming:
            return _Begun(place, ask, lambda: False, course)
        future: Future[Any] = self._threads.submit(ask, None)
        size = len(found.data)
        return _Begun(
            place, lambda _: future.result(), future.done, course, size, lambda: wait([future])
        )

    def _show_next(self) -> None:
        """Wait for the first answer and show it, all of it or, on Ctrl-C, in `show_done`."""
        begun = self._begun[0]
        if begun.wait is None:
            self._show(self._begun.popleft())
            return
        with working(begun.course.words):
            begun.wait()
        with uninterrupted():
            self._show(self._begun.popleft())

    def _show(self, begun: _Begun) -> None:
        if isinstance(begun.reply, SmolVLMError):
            self._entries.fail(begun.place, begun.reply)
        else:
            self._entries.take(begun.place, partial(self._entry, begun, begun.reply))

    def _entry(self, begun: _Begun, reply: Callable[[Say], Any]) -> dict[str, Any]:
        """Wait for a reply under a line of progress, and show it."""
        name = None if begun.place.alone else begun.place.name
        headings = [] if name is None else [f"{name}:"]
        with ExitStack() as line:
            line.enter_context(working(begun.course.words))

            def say(text: str) -> None:
                line.close()
                while headings:
                    self._answers.line(headings.pop())
                self._answers.write(text)

            found = reply(say)
        data, without_value = self._asking.show(found, name, self._answers)
        self.abstained |= without_value
        return data


def _load(choice: ModelChoice) -> SmolVLM:
    """Load the model; a budget that is too small for it ends the command."""
    try:
        return choice.load()
    except OutOfMemoryBudget as error:  # not the image's fault: the next would meet it, too
        report(error)
        raise typer.Exit(NO_MODEL) from None

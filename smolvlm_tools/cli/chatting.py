"""`smolvlm chat`: a conversation about images at a prompt, or over standard input."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import BadOptions, Cancelled, SmolVLMError
from ..prompt.request import check_options
from ..types import ImagePart, Message, TextPart
from .console import Answers, note, report, reserve_stdout, working
from .course import Course
from .images import check_readable, each_page
from .options import ModelChoice, parse_resolution
from .page_options import PageOptions
from .process import watch_again

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM
    from ..types import VisionResult

PROMPT = "> "
HELP = (
    "/image FILE shows another image with your next question, /reset forgets the conversation, "
    "/help says this, /quit or Ctrl-D ends it; Ctrl-C stops an answer"
)


def chat(
    images: list[str],
    pages: PageOptions,
    choice: ModelChoice,
    resolution: str,
    max_new_tokens: int | None,
) -> None:
    """Answer line by line until the input ends.

    Raises:
        InputError: an image of the command line is not one; nothing is loaded then.
    """
    choice.check()
    options: dict[str, Any] = {} if max_new_tokens is None else {"max_new_tokens": max_new_tokens}
    check_options(options)
    options["resolution"] = parse_resolution(resolution)
    shown = _images(images, pages)
    with reserve_stdout() as answers, choice.load() as vlm:
        talk = Conversation(vlm, answers, options, shown)
        if sys.stdin.isatty():
            note(HELP)
        for line in _lines():
            if not talk.hear(line.strip()):
                break


@dataclass(slots=True)
class Conversation:
    """What was said so far.

    Attributes:
        options: of the engine, for every question.
        new: images that go with the next question.
    """

    vlm: SmolVLM
    answers: Answers
    options: dict[str, Any]
    new: list[ImagePart] = field(default_factory=list[ImagePart])
    _turns: list[Message] = field(default_factory=list[Message])

    def hear(self, line: str) -> bool:
        """Do what a line says; whether the conversation goes on."""
        word, _, rest = line.partition(" ")
        if word == "/quit":
            return False
        try:
            if word in (commands := self._commands()):
                commands[word](rest.strip())
            elif word.startswith("/"):
                raise BadOptions(f"there is no command {word}", HELP[0].upper() + HELP[1:] + ".")
            elif line:
                self._ask(line)
        except SmolVLMError as error:
            report(error)
        return True

    def _commands(self) -> dict[str, Callable[[str], None]]:
        return {"/image": self._show, "/reset": self._reset, "/help": lambda _: note(HELP)}

    def _show(self, name: str) -> None:
        if not name:
            raise BadOptions("/image needs a file", "Write /image photo.jpg.")
        added = _images([name], PageOptions())
        self.new += added
        what = "it goes" if len(added) == 1 else f"its {len(added)} pages go"
        note(f"{what} with your next question")

    def _reset(self, _: str) -> None:
        self.new += [p for turn in self._turns for p in turn.content if isinstance(p, ImagePart)]
        self._turns.clear()
        note("forgotten; the images go with your next question")

    def _ask(self, question: str) -> None:
        """Stream the answer. One that fails or is stopped leaves the conversation as it was."""
        asked = Message(role="user", content=(*self.new, TextPart(text=question)))
        try:
            result = self._answer([*self._turns, asked])
        except KeyboardInterrupt:
            watch_again()
            note("stopped; the question and what was said of the answer are forgotten")
            return
        except Cancelled:  # the engine was quicker with it
            return
        if "truncated" in result.flags:
            note("the answer was cut off at its token limit; raise --max-new-tokens")
        self._turns += [
            asked,
            Message(role="assistant", content=(TextPart(text=result.text.strip()),)),
        ]
        self.new = []

    def _answer(self, messages: Sequence[Message]) -> VisionResult:
        """Write an answer as it comes, on lines of its own however it ends."""
        course, said = Course(), False
        with contextlib.ExitStack() as line:
            line.enter_context(working(course.words))
            stream = self.vlm.stream(messages, on_progress=course, **self.options)
            try:
                for chunk in stream:
                    line.close()
                    said |= bool(chunk.text)
                    self.answers.write(chunk.text)
                result = stream.result()
            except KeyboardInterrupt:
                stream.close()
                if said:
                    self.answers.write("\n")
                raise
        self.answers.write("\n")
        return result


def _images(names: Sequence[str], pages: PageOptions) -> list[ImagePart]:
    """Images and pages that can be loaded.

    Raises:
        InputError: one of them cannot be.
    """
    found: list[ImagePart] = []
    for _, source in each_page(names, pages):
        if isinstance(source, SmolVLMError):
            raise source
        check_readable(source)
        found.append(ImagePart(image=source, **pages.of_video))
    return found


def _lines() -> Iterator[str]:
    """Lines from the terminal, which has a history where readline is there, or from a pipe."""
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    with contextlib.suppress(ImportError):
        import_module("readline")  # `input` uses it
    while True:
        try:
            yield input(PROMPT)
        except EOFError:
            note("")
            return
        except KeyboardInterrupt:
            watch_again()
            note("")  # below the prompt and "^C"
            note("Ctrl-D or /quit ends the conversation")

"""Puts samples to an engine, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...constraints import regex
from ...engine.reply import ReplyStream
from ...errors import BadOptions, Busy, InputError, OutOfMemoryBudget, SmolVLMError
from ...prompt.request import RequestOptions
from ...types import Message
from .kept import KeptAnswer
from .prompts import OPENED, Opens, Prompt
from .samples import Sample

if TYPE_CHECKING:
    from ...engine.smolvlm import SmolVLM

_OF_THE_SAMPLE = (InputError, OutOfMemoryBudget)
"""Failures that are about one sample; all others end the run, which can be resumed."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How samples are asked.

    Attributes:
        opens: which replies are held to begin with "Answer:"; None for none.
        concurrency: most replies that are decoded together.
    """

    prompt: Prompt
    options: RequestOptions
    concurrency: int
    opens: Opens | None = None

    def request(self, sample: Sample) -> tuple[tuple[Message, ...], RequestOptions]:
        """What the engine is asked, and how."""
        messages = self.prompt(sample)
        options: RequestOptions = {**self.options, "task": "ask"}
        if self.opens is not None and self.opens(messages):
            options["answer"] = regex(OPENED)
        return messages, options


def answer_each(
    engine: SmolVLM, samples: Iterable[tuple[int, Sample]], asking: Asking
) -> Generator[KeptAnswer]:
    """The reply to each sample, in their order; closing the iterator stops the engine.

    Raises:
        SmolVLMError: the engine fails, not the sample.
    """
    running: deque[tuple[int, ReplyStream | str]] = deque()
    try:
        for number, sample in samples:
            while len(running) >= asking.concurrency:
                yield _finished(*running.popleft())
            while (reply := _started(engine, sample, asking, alone=not running)) is None:
                yield _finished(*running.popleft())
            running.append((number, reply))
        while running:
            yield _finished(*running.popleft())
    finally:
        for _, reply in running:
            if not isinstance(reply, str):
                reply.close()


def _started(
    engine: SmolVLM, sample: Sample, asking: Asking, *, alone: bool
) -> ReplyStream | str | None:
    """A reply on its way, why it cannot be, or None where the queue is full of ours."""
    try:
        messages, options = asking.request(sample)
        return engine.stream(messages, **options)
    except Busy:
        if alone:
            raise
        return None
    except BadOptions:  # of the run
        raise
    except _OF_THE_SAMPLE as error:
        return _told(error)


def _finished(number: int, reply: ReplyStream | str) -> KeptAnswer:
    if isinstance(reply, str):
        return KeptAnswer(number=number, error=reply)
    try:
        return KeptAnswer(number=number, reply=reply.result().text)
    except BadOptions:
        raise
    except _OF_THE_SAMPLE as error:
        return KeptAnswer(number=number, error=_told(error))


def _told(error: SmolVLMError) -> str:
    return f"{error.code}: {error.reason}"

"""Shares the model between replies: a unit of preparation, a decode step for all, and again.

Continuous batching: a reply joins the others after its prefill and leaves at its end, between two
steps. Threads are `worker`'s business.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits
from ..decoding.protocol import NextToken, ReplySteps
from ..types import StreamChunk

Outcome: TypeAlias = StreamChunk | BaseException

DecodeStep: TypeAlias = Callable[[Sequence[NextToken]], NDArray[np.float32]]
"""One run of the model for several sequences: (B, vocab)."""


@dataclass(eq=False)
class Job:
    """A reply and who is told of its end."""

    reply: ReplySteps
    finish: Callable[[Outcome], None]


class Scheduler:
    """Replies that share a model.

    Args:
        batch_size: most replies that decode together.
    """

    def __init__(self, decode_step: DecodeStep, batch_size: int) -> None:
        self._decode_step = decode_step
        self._batch_size = batch_size
        self._preparing: Job | None = None
        self._decoding: list[tuple[Job, NextToken]] = []
        self._ended: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()

    @property
    def has_room(self) -> bool:
        return self._preparing is None and len(self._decoding) < self._batch_size

    @property
    def idle(self) -> bool:
        return self._preparing is None and not self._decoding

    def add(self, job: Job) -> None:
        """Take a reply in; there must be room."""
        self._preparing = job

    def turn(self) -> None:
        """One unit of preparation of the newest reply, one decode step of all others."""
        self._prepare()
        self._tell()
        self._step_all()
        self._tell()

    def _prepare(self) -> None:
        if job := self._preparing:
            self._preparing = None
            self._advance(job, None)

    def _step_all(self) -> None:
        waiting, self._decoding = self._decoding, []
        if waiting:
            self._step(waiting)

    def _step(self, waiting: list[tuple[Job, NextToken]]) -> None:
        try:
            logits = self._decode_step([wanted for _, wanted in waiting])
        except Exception as error:
            if len(waiting) == 1:
                self._fail(waiting[0][0], error)
                return
        else:
            for (job, _), row in zip(waiting, logits, strict=True):
                self._advance(job, row)
            return
        for each in waiting:  # one sequence's failure is not its neighbours'
            self._step([each])

    def _advance(self, job: Job, logits: Logits | None) -> None:
        try:
            wanted = job.reply.send(logits)
        except StopIteration as end:
            self._ended.append((job.finish, end.value))
        except BaseException as error:  # whatever it is, the caller waits for it
            self._ended.append((job.finish, error))
        else:
            if wanted is None:
                self._preparing = job
            else:
                self._decoding.append((job, wanted))

    def _fail(self, job: Job, error: Exception) -> None:
        """Let the reply clean up after a failed step."""
        try:
            job.reply.throw(error)
        except BaseException as raised:  # the same one, as a rule
            self._ended.append((job.finish, raised))

    def _tell(self) -> None:
        """Deliver what ended, when nothing here holds the request any more."""
        while self._ended:
            finish, outcome = self._ended.popleft()
            if isinstance(outcome, BaseException):
                _let_go(outcome)
            finish(outcome)


def _let_go(error: BaseException) -> None:
    """Empty the frames an error holds: those it passed, and those that had called them."""
    traceback.clear_frames(error.__traceback__)
    frame = error.__traceback__.tb_frame if error.__traceback__ else None
    while frame := frame and frame.f_back:
        with suppress(RuntimeError):  # it is still running
            frame.clear()

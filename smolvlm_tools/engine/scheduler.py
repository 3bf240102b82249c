"""Shares the model between replies: a unit of preparation, a decode step for all, and again.

Continuous batching: a reply joins the others after its prefill and leaves at its end, between two
steps. Before that it may wait for its images, beside any number of others that do. A unit of
preparation may run on a thread of its own, and the others decode meanwhile. Threads are `worker`'s
business.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits
from ..decoding.protocol import CheckCancelled, NextToken, ReplySteps, Unit
from ..errors import SmolVLMError
from ..types import StreamChunk
from .loader import MOST_LOADING

PACE = 0.15
"""Seconds between decode steps while a unit of preparation runs on another thread.

Some seven tokens a second are as many as people read. On two cores each step slows the unit down
by more than it takes itself.
"""

LOOK_SECONDS = 0.05
"""How often replies that wait for their images see whether they are still wanted."""

Outcome: TypeAlias = StreamChunk | BaseException

DecodeStep: TypeAlias = Callable[[Sequence[NextToken]], Sequence[NDArray[np.float32]]]
"""One run of the model for several sequences: what each is answered with."""


@dataclass(eq=False)
class Job:
    """A reply and who is told of its end.

    Attributes:
        check: raises when the reply is no longer wanted.
    """

    reply: ReplySteps
    finish: Callable[[Outcome], None]
    check: CheckCancelled


class Scheduler:
    """Replies that share a model.

    Args:
        batch_size: most replies that decode together.
        wake: called, from any thread, when what a reply waits for is there.
    """

    def __init__(self, decode_step: DecodeStep, batch_size: int, wake: Callable[[], None]) -> None:
        self._decode_step = decode_step
        self._batch_size = batch_size
        self._wake = wake
        self._loading: dict[Job, Future[Any]] = {}
        self._preparing: Job | None = None
        self._unit: Future[Any] | None = None
        self._next_step = 0.0
        self._decoding: list[tuple[Job, NextToken]] = []
        self._ended: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether a reply may be added: those whose images are there go first."""
        return self._may_prepare and len(self._loading) < MOST_LOADING and not self._has_loaded

    @property
    def patience(self) -> float | None:
        """Seconds after which a turn is due although nothing has happened; None if never."""
        waits = [LOOK_SECONDS] if self._loading else []
        if self._decoding:
            waits.append(max(0.0, self._next_step - time.monotonic()))
        return min(waits, default=None)

    @property
    def rests(self) -> bool:
        """Whether a turn would do nothing."""
        waits = self._preparing is None or self._unit_runs
        return waits and not self._is_step_due and not (self._may_prepare and self._has_loaded)

    @property
    def idle(self) -> bool:
        """Whether there is no reply at all."""
        return not (self._preparing or self._decoding or self._loading)

    @property
    def _unit_runs(self) -> bool:
        return self._unit is not None and not self._unit.done()

    @property
    def _is_step_due(self) -> bool:
        paced = self._unit_runs and time.monotonic() < self._next_step
        return bool(self._decoding) and not paced

    @property
    def _may_prepare(self) -> bool:
        return self._preparing is None and len(self._decoding) < self._batch_size

    @property
    def _has_loaded(self) -> bool:
        return any(loading.done() for loading in self._loading.values())

    def add(self, job: Job) -> None:
        """Take a reply in; there must be room."""
        self._preparing = job

    def turn(self) -> None:
        """One unit of preparation of the newest reply, one decode step of all others."""
        self._look_after_loading()
        self._prepare()
        self._tell()
        self._step_all()
        self._tell()

    def _look_after_loading(self) -> None:
        """Take the first reply whose images are there; the others see whether they are wanted."""
        for job, loading in list(self._loading.items()):
            if loading.done() and self._may_prepare:
                del self._loading[job]
                self._preparing = job
            else:
                self._check(job)

    def _check(self, job: Job) -> None:
        """End a reply that waits for its images, or for room after that, if nobody wants it.

        It isn't resumed for that: its images may come at this moment, and it would go on beside
        the reply that is being prepared.
        """
        try:
            job.check()
        except SmolVLMError as error:
            del self._loading[job]
            self._fail(job, error)

    def _prepare(self) -> None:
        if (job := self._preparing) and not self._unit_runs:
            self._preparing = self._unit = None
            self._advance(job, None)

    def _step_all(self) -> None:
        if not self._is_step_due:
            return
        waiting, self._decoding = self._decoding, []
        self._step(waiting)
        self._next_step = time.monotonic() + PACE

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
            elif isinstance(wanted, NextToken):
                self._decoding.append((job, wanted))
            elif isinstance(wanted, Unit):
                self._preparing, self._unit = job, wanted.done
                wanted.done.add_done_callback(lambda _: self._wake())
            else:
                self._loading[job] = wanted
                wanted.add_done_callback(lambda _: self._wake())

    def _fail(self, job: Job, error: Exception) -> None:
        """Let the reply clean up after a failure outside it."""
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

"""What a fork must not take along: the new process has the pipes, and neither threads nor locks."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has something to forget after a fork."""

    def after_fork(self) -> None:
        """In the new process: forget what belongs to the one that forked."""
        ...


_FORKABLE: weakref.WeakSet[Forkable] = weakref.WeakSet()


def mind_forks(what: Forkable) -> None:
    """Have `after_fork` called in each process that is forked from this one."""
    _FORKABLE.add(what)


def _after_fork() -> None:
    for what in list(_FORKABLE):
        what.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""`Desk`: an actor beside the driver that has the ledger; workers ask it and tell it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from ..ledger import Ledger
from .cluster import answer, import_ray


class Desk:
    """The ledger, which source reads a content first, and how often a batch was begun.

    If it dies, Ray starts another. That one has the ledger only: a content may then be looked at
    twice, with the same findings, and a batch be begun more often.
    """

    def __init__(self, path: str) -> None:
        self._ledger = Ledger(path)
        self._firsts: dict[str, str] = {}
        self._begun: dict[str, int] = {}

    def find(self, keys: list[str], failed: bool) -> dict[str, str]:
        return self._ledger.find(keys, failed=failed)

    def put(self, key: str, body: str, failed: bool) -> None:
        self._ledger.put(key, body, failed=failed)

    def first(self, sha256: str, source: str) -> str:
        """Who reads this content; the same one again, if its worker was killed."""
        return self._firsts.setdefault(sha256, source)

    def begin(self, batch: str) -> int:
        """Count how often a batch has been begun."""
        self._begun[batch] = self._begun.get(batch, 0) + 1
        return self._begun[batch]


def open_desk(ray: Any, path: str) -> Any:
    """A handle of a desk on this machine, where the ledger's file is."""
    here = ray.get_runtime_context().get_node_id()
    strategies = import_module("ray.util.scheduling_strategies")
    actor = ray.remote(Desk).options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(here, soft=False),
    )
    return actor.remote(path)


class DeskLedger:
    """The ledger as a worker has it: `Entries` and `Firsts` of its reader.

    Every method raises StoreFull where the ledger cannot be written.
    """

    def __init__(self, desk: Any) -> None:
        self._desk, self._ray = desk, import_ray()

    def get(self, key: str) -> str | None:
        return self.find([key]).get(key)

    def find(self, keys: Iterable[str], *, failed: bool = True) -> dict[str, str]:
        return self._answer(self._desk.find.remote(list(keys), failed))

    def put(self, key: str, body: str, *, failed: bool = False) -> None:
        self._answer(self._desk.put.remote(key, body, failed))

    def setdefault(self, sha256: str, source: str, /) -> str:
        return self._answer(self._desk.first.remote(sha256, source))

    def begin(self, batch: str) -> int:
        """See `Desk.begin`."""
        return self._answer(self._desk.begin.remote(batch))

    def _answer(self, reference: Any) -> Any:
        return answer(self._ray, reference)

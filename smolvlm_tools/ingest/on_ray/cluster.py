"""`Cluster`: where a run's workers are, and what each of them gets."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ...errors import BackendUnavailable, BadOptions, SmolVLMError


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster, and the workers in it.

    Attributes:
        address: of a running cluster, as `ray.init` takes it: "auto" on one of its nodes. "local"
            starts one on this machine, which is stopped at the end. None: that of RAY_ADDRESS, else
            "local". A program that is connected stays with its cluster.
        workers: fewest and most engines; they come and go as there is work and room. A most of
            None is what the cluster has room for.
        num_cpus: of a worker; it is also the engine's threads, unless `load_options` says others.
        num_gpus: of a worker. A GPU may be shared: 0.5.
        batch: files that a worker gets at once. They are done again, except for what is in the
            ledger, when it is killed.
        retries: how often a batch is tried again whose worker was killed; then the run ends.
        init: other keywords of `ray.init`.
        worker_options: what else a worker needs, in Ray's words: memory, resources,
            accelerator_type, label_selector, runtime_env.
    """

    address: str | None = None
    workers: tuple[int, int | None] = (1, None)
    num_cpus: float = 1
    num_gpus: float = 0
    batch: int = 16
    retries: int = 3
    init: Mapping[str, Any] = field(default_factory=dict[str, Any])
    worker_options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        fewest, most = self.workers
        if fewest < 1 or (most is not None and most < fewest):
            raise BadOptions(
                f"`workers={self.workers}` is no range", "Use the fewest, 1 or more, and the most."
            )
        if self.num_cpus < 0 or self.num_gpus < 0 or not (self.num_cpus or self.num_gpus):
            raise BadOptions(
                f"`num_cpus={self.num_cpus}`, `num_gpus={self.num_gpus}` is no place to work",
                "Give a worker some of either.",
            )
        if self.batch < 1 or self.retries < 0:
            raise BadOptions(
                f"`batch={self.batch}`, `retries={self.retries}` makes no sense",
                "Use 1 or more for the batch, 0 or more for the retries.",
            )

    @property
    def slot(self) -> dict[str, Any]:
        """What Ray sets aside for a worker."""
        return {**self.worker_options, "num_cpus": self.num_cpus, "num_gpus": self.num_gpus}

    @contextmanager
    def connected(self) -> Generator[Any]:
        """The ray module, connected; a cluster that was started for it is stopped at the end.

        Raises:
            BackendUnavailable: Ray is not installed, or the cluster cannot be reached.
            BadOptions: the cluster that is started here has no room for a worker.
        """
        ray = import_ray()
        if ray.is_initialized():
            yield ray
            return
        # A library that works offline does not report how it is used.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        settings = {"include_dashboard": False} if address == "local" else {}
        settings |= {"log_to_driver": False, "logging_level": logging.ERROR, **self.init}
        try:
            ray.init(address=address, **settings)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise BackendUnavailable(
                f"Ray at {address!r} cannot be used ({error})",
                "Check the address, and `ray status`.",
            ) from error
        threads = set(threading.enumerate())
        try:
            if address == "local":
                self._check_room(ray.cluster_resources())
            yield ray
        finally:
            _let_end(set(threading.enumerate()) - threads)
            ray.shutdown()

    def _check_room(self, there: Mapping[str, float]) -> None:
        for name, wanted in (("CPU", self.num_cpus), ("GPU", self.num_gpus)):
            if wanted > (has := there.get(name, 0)):
                raise BadOptions(
                    f"a worker is to have {wanted:g} {name}; this machine has {has:g}",
                    f"Ask for less, or name a cluster with more {name}s.",
                )


_PATIENCE = 10.0
"""Seconds that all threads of Ray Data get to end."""


def _let_end(threads: Iterable[threading.Thread]) -> None:
    """Wait for threads of Ray Data that still fetch something.

    Ray ends the whole process, without a word, if one of them asks it for something when it is shut
    down. Its prefetcher sleeps by then, for good.
    """
    end = time.monotonic() + _PATIENCE
    for thread in threads:
        if thread.name != "Prefetcher":
            thread.join(max(0.0, end - time.monotonic()))


def import_ray() -> Any:
    """The ray module, with its part for data.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import_module("ray.data")
        return import_module("ray")
    except ImportError as error:
        raise BackendUnavailable(
            f"Ray cannot be imported ({error})", "Run `pip install 'smolvlm-tools[ray]'`."
        ) from error


def answer(ray: Any, reference: Any) -> Any:
    """What another process found out.

    Raises:
        SmolVLMError: what it raised.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, SmolVLMError):
            raise error.cause from None
        raise


@contextmanager
def quiet_data(ray: Any) -> Generator[None]:
    """Ray Data without its bars and its notes: the run has a progress of its own."""
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])

"""`ingest_on_ray`: the driver of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ...engine.identity import EngineIdentity
from ...errors import BackendUnavailable
from ...images.encodings import url_scheme
from ..ingest import Paths, Reading, count_files, listed
from ..keeping import Keeper, OnProgress
from ..known import Known
from ..places import open_places
from ..second_reader import check_no_videos
from ..summary import Summary
from ..units import Keys
from ..wish import Wish
from .cluster import Cluster, answer, quiet_data
from .desk import open_desk
from .driver import Driver
from .worker import PageWorker, Plan, identity_here, recognizer_here


def ingest_on_ray(
    paths: Paths,
    out: str | os.PathLike[str],
    *,
    cluster: Cluster | None = None,
    model: str | Path = "256m",
    wish: Wish | None = None,
    reading: Reading | None = None,
    ledger: str | os.PathLike[str] | None = None,
    retry_errors: bool = False,
    on_progress: OnProgress | None = None,
    load_options: Mapping[str, Any] | None = None,
) -> Summary:
    """Find out about every page of every file, on a Ray cluster; see `ingest`.

    The records, the ledger and the output are those of `ingest`, and either goes on where the other
    was ended. Workers read the files themselves: all nodes see them under the same names (a shared
    file system, or URLs). The ledger and the output are files of the machine that calls this, which
    is a node of the cluster. What a worker has found out about a page is in the ledger at once, so
    a worker, or this process, may be killed at any time.

    Args:
        paths, out, model, wish, reading, ledger, retry_errors, load_options: as of `ingest`. The
            reading's `workers` are those of each engine.
        cluster: where the engines run; `Cluster()` when None.
        on_progress: told after every page when its batch is done, on the calling thread.

    Raises:
        BadOptions: something that was asked for makes no sense; `out` holds something else; or a
            node does not see the files.
        StoreFull: the disk is full.
        Busy: another run writes to `out`.
        ModelError: the model cannot be had on a node, Ray is not there, or its workers end again
            and again.
    """
    wish, reading, cluster = wish or Wish(), reading or Reading(), cluster or Cluster()
    check_no_videos(wish, reading.window)
    named = list(listed(paths))
    folder = os.getcwd() if any(map(_is_relative, named)) else None
    options = {**_threads(cluster), **(load_options or {})}
    with ExitStack() as stack:
        output, book = open_places(stack, out, ledger)
        keeper = Keeper(None, output, retry_errors, on_progress or (lambda summary: None))
        if on_progress:
            count_files(stack, keeper.summary, named, reading)
        ray = stack.enter_context(cluster.connected())
        stack.enter_context(quiet_data(ray))
        stack.enter_context(_named_errors(ray))
        identity: EngineIdentity | None = None
        if wish.needs_model:
            task = ray.remote(identity_here).options(**cluster.slot)
            identity = answer(ray, task.remote(model, options, folder))
        recognizer: str | None = None
        if wish.check:
            task = ray.remote(recognizer_here).options(**cluster.slot)
            recognizer = answer(ray, task.remote(wish))
        keys = Keys(wish, identity, reading.opening, recognizer)
        plan = Plan(model, options, keys, reading, retry_errors, cluster.retries, folder)
        desk = open_desk(ray, os.path.abspath(book.path))
        stack.callback(ray.kill, desk)
        ask = partial(ask_workers, ray, cluster, plan, desk)
        driver = Driver(ask, Known(keys, book, retry_errors, reading.password is not None), keeper)
        return driver.run(reading.sources(named))


def ask_workers(
    ray: Any, cluster: Cluster, plan: Plan, desk: Any, names: Mapping[int, str]
) -> Iterator[str]:
    """Have files done by Ray Data, with a block for each batch; gives the reports."""
    files = list(names.items())
    starts = range(0, len(files), cluster.batch)
    rows = [{"batch": json.dumps(files[start : start + cluster.batch])} for start in starts]
    fewest, most = cluster.workers
    reports = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        PageWorker,
        fn_constructor_kwargs={"plan": plan, "desk": desk},
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=min(fewest, len(rows)), max_size=most),
        **cluster.slot,
    )
    for row in reports.iter_rows():
        yield row["report"]


def _is_relative(path: str | os.PathLike[str]) -> bool:
    text = os.fspath(path)
    return not (os.path.isabs(text) or url_scheme(text))


def _threads(cluster: Cluster) -> dict[str, int]:
    """The engine's threads, where it is to compute with CPUs: as many as are set aside for it."""
    return {} if cluster.num_gpus or cluster.num_cpus < 1 else {"threads": int(cluster.num_cpus)}


@contextmanager
def _named_errors(ray: Any) -> Generator[None]:
    """Errors of Ray as one of ours.

    Raises:
        BackendUnavailable: Ray has given up.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        first = str(error).strip().partition("\n")[0]
        raise BackendUnavailable(
            f"Ray has ended the run ({type(error).__name__}: {first})",
            "See Ray's logs for why its workers ended; then run it again: it goes on.",
        ) from error

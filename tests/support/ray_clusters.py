"""Small Ray clusters on this machine."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import psutil
import pytest

ray_only = pytest.mark.skipif(
    find_spec("ray") is None, reason="ray, the extra `ray`, is not installed"
)
NODES = 2


@contextmanager
def two_nodes() -> Iterator[str]:
    """A cluster of two nodes with a CPU each; gives its address. Nothing of it is left behind."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else one is left in the home directory
    from ray.cluster_utils import Cluster

    before = descendants(os.getpid())
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        children = psutil.Process().children(recursive=True)
        cluster.shutdown()
        left = [child for child in children if child.pid not in before]
        _, alive = psutil.wait_procs(left, timeout=20)
        for process in alive:
            process.kill()


def descendants(pid: int) -> set[int]:
    """Of the processes below another."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def worker_pids() -> set[int]:
    """Of the actors with an engine, in clusters that this process has started."""
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "MapWorker(MapBatches(PageWorker))" in " ".join(_words(child))
    }


def kill(pids: set[int]) -> None:
    """End processes as the kernel does when memory runs out."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def are_gone(pids: set[int]) -> bool:
    """Whether processes end, if they are given the time that Ray gives them."""
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(there, timeout=60)[1]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it has just ended

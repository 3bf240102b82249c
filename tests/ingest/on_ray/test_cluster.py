"""Runs on a real Ray cluster: two nodes of this machine with an engine each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from smolvlm_tools import BackendUnavailable
from smolvlm_tools.ingest import Wish, ingest
from smolvlm_tools.ingest.on_ray import Cluster, ingest_on_ray
from tests.support.ray_clusters import (
    NODES,
    are_gone,
    descendants,
    kill,
    ray_only,
    two_nodes,
    worker_pids,
)
from tests.support.records import by_id, draw_folder, draw_troubles

pytestmark = [ray_only, pytest.mark.slow, pytest.mark.timeout(600)]
WISH = Wish(tasks=("caption",), questions={"colour": "What color is the circle?"})
DRIVER = """
import os, sys
from smolvlm_tools.ingest import Wish
from smolvlm_tools.ingest.on_ray import Cluster, ingest_on_ray
wish = Wish(tasks=("caption",), questions={"colour": "What color is the circle?"})
def tell(summary):
    print(summary.pages, flush=True)
    sys.stdin.read()  # waits for the kill
address = sys.argv[3] if len(sys.argv) > 3 else None
cluster = Cluster(address, batch=2, init={} if address else {"num_cpus": 1})
paths, out = sys.argv[1:3]
ingest_on_ray(paths, out, model="embedded", wish=wish, cluster=cluster, on_progress=tell)
"""


@pytest.fixture(scope="module")
def address():
    with two_nodes() as address:
        yield address


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seventeen files."""
    folder = draw_troubles(tmp_path_factory.mktemp("images"))
    draw_folder(folder / "more", 14)
    for number in range(8):
        (folder / "more" / f"{number:04}.png").unlink()
    return folder


@pytest.fixture(scope="module")
def local(folder, tmp_path_factory):
    """The records of a run on one machine."""
    out = tmp_path_factory.mktemp("local") / "records.jsonl"
    ingest(folder, out, model="embedded", wish=WISH)
    return by_id(out)


def run(address, folder, out, told=None, **more):
    cluster = Cluster(address, batch=2, workers=(NODES, NODES), **more)
    return ingest_on_ray(
        folder, out, model="embedded", wish=WISH, cluster=cluster, on_progress=told
    )


@pytest.mark.parametrize("name", ["records.jsonl", "records.parquet"])
def test_records_are_those_of_one_machine(name, address, folder, local, tmp_path):
    seen = set()
    summary = run(address, folder, tmp_path / name, lambda s: seen.update(worker_pids()))
    assert by_id(tmp_path / name) == local
    assert len(seen) == NODES
    assert (summary.files, summary.errors, summary.duplicates) == (17, 2, 2)
    assert are_gone(seen)


def test_paths_begin_where_the_driver_is(address, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    run(address, ["0000.png", "./0001.png"], tmp_path / "records.jsonl")
    records = by_id(tmp_path / "records.jsonl").values()
    assert {record["source"] for record in records} == {"0000.png", "./0001.png"}
    assert not any(record["error"] for record in records)


def test_killed_workers_leave_no_trace(address, folder, local, tmp_path):
    seen, killed = set(), set()

    def kill_once(summary):
        seen.update(worker_pids())
        if not killed:
            killed.update(worker_pids())
            kill(killed)

    summary = run(address, folder, tmp_path / "records.jsonl", kill_once)
    assert killed
    assert seen - killed
    assert by_id(tmp_path / "records.jsonl") == local
    assert summary.written == len(local)


def test_workers_that_are_always_killed_end_the_run_and_it_goes_on(
    address, folder, local, tmp_path
):
    pages = []

    def kill_each_time(summary):
        pages.append(summary.pages)
        if len(pages) < 3:
            kill(worker_pids())

    out = tmp_path / "records.jsonl"
    with pytest.raises(BackendUnavailable, match=r"ended 1 times by a batch from .*png"):
        run(address, folder, out, kill_each_time, retries=0)
    assert 0 < len(by_id(out)) < len(local)
    run(address, folder, out)
    assert by_id(out) == local


def drive(*arguments):
    """A process that runs a driver, and waits after its first page."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("then", ["ray", "local"])
def test_a_killed_driver_loses_nothing(then, address, folder, local, tmp_path):
    out = tmp_path / "records.jsonl"
    with drive(folder, out, address) as driver:
        assert driver.stdout.readline() == "1\n"
        driver.kill()
    if then == "ray":
        summary = run(address, folder, out)
    else:
        summary = ingest(folder, out, model="embedded", wish=WISH)
    assert summary.known > 0
    assert by_id(out) == local


def test_a_model_that_is_not_there_is_said_by_its_name(address, folder, tmp_path):
    from smolvlm_tools import ModelNotFound

    with pytest.raises(ModelNotFound, match="/no/model"):
        ingest_on_ray(
            folder, tmp_path / "records.jsonl", model="/no/model", cluster=Cluster(address)
        )


def test_ctrl_c_ends_the_run_and_the_cluster_that_it_started(folder, local, tmp_path):
    out = tmp_path / "records.jsonl"
    with drive(folder, out) as driver:
        assert driver.stdout.readline() == "1\n"
        cluster = descendants(driver.pid)
        driver.send_signal(signal.SIGINT)
        _, said = driver.communicate()
    assert driver.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert cluster
    assert are_gone(cluster)
    summary = ingest(folder, out, model="embedded", wish=WISH)
    assert summary.known > 0
    assert by_id(out) == local

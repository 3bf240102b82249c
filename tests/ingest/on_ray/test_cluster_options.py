"""Options of a cluster, and what is said where it cannot be had."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from smolvlm_tools import BackendUnavailable, BadOptions
from smolvlm_tools.ingest.on_ray import Cluster, ingest_on_ray
from smolvlm_tools.ingest.on_ray import cluster as module


@pytest.mark.parametrize(
    "options",
    [
        {"workers": (0, 1)},
        {"workers": (3, 2)},
        {"num_cpus": 0},
        {"num_cpus": -1, "num_gpus": 1},
        {"batch": 0},
        {"retries": -1},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(BadOptions, match=next(iter(options))):
        Cluster(**options)


def test_a_worker_has_what_is_asked_for():
    cluster = Cluster(num_cpus=2, num_gpus=0.5, worker_options={"memory": 10**9})
    assert cluster.slot == {"num_cpus": 2, "num_gpus": 0.5, "memory": 10**9}


@pytest.fixture
def ray(monkeypatch):
    """Stands for the ray module: records how it is connected; has two CPUs."""
    calls = []

    def init(**options):
        if options["address"] == "no:1":
            raise ConnectionError("nobody there")
        calls.append(options)

    fake = SimpleNamespace(
        init=init,
        calls=calls,
        is_initialized=lambda: False,
        cluster_resources=lambda: {"CPU": 2.0},
        shutdown=lambda: calls.append("shutdown"),
    )
    monkeypatch.setattr(module, "import_ray", lambda: fake)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return fake


@pytest.mark.parametrize(
    ("address", "variable", "expected"),
    [(None, None, "local"), (None, "b:2", "b:2"), ("a:1", "b:2", "a:1")],
)
def test_a_cluster_is_started_only_where_none_is_named(
    address, variable, expected, ray, monkeypatch
):
    if variable:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    with Cluster(address).connected():
        pass
    options, end = ray.calls
    assert options["address"] == expected
    assert ("include_dashboard" in options) == (expected == "local")
    assert end == "shutdown"


def test_a_cluster_of_the_program_is_left_alone(ray):
    ray.is_initialized = lambda: True
    with Cluster("a:1").connected() as given:
        assert given is ray
    assert ray.calls == []


def test_a_machine_without_room_is_refused_rather_than_waited_for(ray):
    with pytest.raises(BadOptions, match="1 GPU; this machine has 0"):
        with Cluster(num_gpus=1).connected():
            pass
    assert ray.calls[-1] == "shutdown"


def test_a_cluster_that_is_not_there_is_said(ray):
    with pytest.raises(BackendUnavailable, match=r"'no:1' .*nobody there"):
        with Cluster("no:1").connected():
            pass


def test_ray_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[ray\]"):
        ingest_on_ray([], tmp_path / "records.jsonl", model="embedded")

"""One engine in the process for everybody who wants the same one."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path

import pytest

from smolvlm_tools import BadOptions, Closed, ImagePolicy, ModelNotFound, SmolVLM
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.engine.shared import SharedEngine

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def options(tiny_a):
    """A configuration that no other test has."""
    claims: list[SharedEngine] = []

    def claim(**options):
        claims.append(SharedEngine(str(tiny_a), **{"max_queue": 7, "backend": "torch", **options}))
        return claims[-1]

    yield claim
    for one in claims:
        one.release()


@pytest.fixture
def loads(monkeypatch):
    """Counts the engines that are loaded."""
    count: list[object] = []
    load = SmolVLM.load.__func__

    @wraps(load)
    def counted(cls, *arguments, **options):
        count.append(arguments)
        return load(cls, *arguments, **options)

    monkeypatch.setattr(SmolVLM, "load", classmethod(counted))
    return count


def test_nothing_is_loaded_until_the_engine_is_asked_for(options, loads):
    claim = options()
    assert claim.loaded is None
    assert loads == []
    assert claim.get() is claim.get() is claim.loaded
    assert len(loads) == 1


def test_equal_configurations_mean_one_engine_and_others_do_not(options):
    precision = {"vision": "fp32", "decoder": "fp32"}
    turned = dict(reversed(precision.items()))
    one = options(policy=ImagePolicy(max_bytes=5), cache=CacheLimits(1, 2), precision=precision)
    two = options(policy=ImagePolicy(max_bytes=5), cache=CacheLimits(1, 2), precision=turned)
    assert one.get() is two.get()
    assert options().get() is options(resolution="auto", device="auto").get()
    assert options().get() is not options(batch_size=2).get()


def test_a_path_and_its_text_are_the_same_configuration(tiny_a, options):
    claim = SharedEngine(Path(tiny_a), max_queue=7, backend="torch")
    assert claim.get() is options().get()
    claim.release()


def test_many_threads_that_ask_at_once_load_once(options, loads):
    claims = [options() for _ in range(12)]
    together = threading.Barrier(12)

    def ask(claim):
        together.wait()
        return claim.get()

    with ThreadPoolExecutor(12) as pool:
        assert len(set(map(id, pool.map(ask, claims)))) == 1
    assert len(loads) == 1


def test_tasks_of_a_loop_that_ask_at_once_load_once(options, loads):
    async def ask():
        return await asyncio.gather(*(options().aget() for _ in range(5)))

    assert len(set(map(id, asyncio.run(ask())))) == 1
    assert len(loads) == 1


def test_the_last_release_closes_the_engine_and_a_new_get_loads_it_again(options, loads):
    one, other = options(), options()
    engine = one.get()
    assert other.get() is engine
    one.release()
    one.release()
    assert engine.generate(HELLO, max_new_tokens=1).usage.completion_tokens == 1
    other.release()
    with pytest.raises(Closed):
        engine.generate(HELLO)
    assert one.loaded is None
    assert one.get() is not engine
    assert len(loads) == 2


def test_a_claim_that_was_dropped_does_not_keep_others_from_closing(options):
    one = options()
    engine = one.get()
    SharedEngine(one._name, **one._options).get()
    gc.collect()
    one.release()
    with pytest.raises(Closed):
        engine.generate(HELLO)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_copied_or_pickled_claim_means_the_same_engine(again, options):
    claim = options(policy=ImagePolicy(allow_urls=False))
    twin = again(claim)
    assert twin.get() is claim.get()
    assert repr(twin) == repr(claim)
    twin.release()


def test_an_engine_that_cannot_be_loaded_says_so_every_time(tmp_path):
    claim = SharedEngine(tmp_path / "none")
    for _ in range(2):
        with pytest.raises(ModelNotFound):
            claim.get()
    with pytest.raises(BadOptions, match="bakend"):
        SharedEngine("embedded", bakend="onnx").get()
    claim.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_find_its_parents_engine(options):
    claim = options()
    assert claim.get() is claim.loaded
    child = os.fork()
    if not child:
        os._exit(0 if claim.loaded is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""Much is looked after by one thread, which ends when there is nothing left to look after."""

from __future__ import annotations

import os
import threading
import time

import pytest

from smolvlm_tools.machine import lookout
from smolvlm_tools.machine.lookout import Lookout
from tests.support.workers import wait_until


def test_each_is_looked_at_by_one_thread_until_its_block_ends():
    watch, seen = Lookout(), list[tuple[str, int]]()

    def look(name: str) -> bool:
        seen.append((name, threading.get_ident()))
        return False

    def looks(name: str) -> int:
        return sum(each == name for each, _ in seen)

    with watch.over(lambda: look("outer")):
        with watch.over(lambda: look("inner")):
            wait_until(lambda: looks("inner") and looks("outer"))
        inner, outer = looks("inner"), looks("outer")
        wait_until(lambda: looks("outer") > outer + 2)
        assert looks("inner") == inner
    assert len({thread for _, thread in seen}) == 1


def test_what_is_over_is_not_looked_at_again_and_a_fault_ends_no_other(caplog):
    watch, ended, others = Lookout(), list[int](), list[int]()

    def fails() -> bool:
        raise ValueError("of a look")

    with (
        watch.over(lambda: ended.append(1) or True),
        watch.over(fails),
        watch.over(lambda: others.append(1) or False),
    ):
        wait_until(lambda: len(others) > 3)
    assert len(ended) == 1
    assert caplog.text.count("ValueError: of a look") == 1


def test_the_thread_ends_after_a_rest_and_comes_back(monkeypatch):
    monkeypatch.setattr(lookout, "_REST_SECONDS", 0.01)
    watch, looked = Lookout(), list[int]()
    for _ in range(2):
        looked.clear()
        with watch.over(lambda: looked.append(1) or False):
            wait_until(lambda: bool(looked))
        wait_until(lambda: watch._thread is None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_its_own():
    looked = list[int]()
    with lookout.looking_after(lambda: False):
        child = os.fork()
        if not child:
            with lookout.looking_after(lambda: looked.append(1) or False):
                until = time.monotonic() + 10
                while not looked and time.monotonic() < until:
                    time.sleep(0.01)
            os._exit(0 if looked else 1)
    assert os.waitpid(child, 0)[1] == 0

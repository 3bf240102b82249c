"""Images that are decoded by children: slow ones, cancelled ones, killed ones, forks and Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import smolvlm_tools.images.isolated as isolated
from smolvlm_tools import Cancelled, Closed, DocumentTooCostly, SmolVLMError
from smolvlm_tools.images import ImagePolicy, load_image
from smolvlm_tools.machine.stopping import stoppable_by
from smolvlm_tools.sandbox import Pool, WorkerLimits
from smolvlm_tools.sandbox import pool as pools
from smolvlm_tools.sandbox.limits import SLOW_NICE
from smolvlm_tools.sandbox.priority import set_priority
from tests.support.image_kinds import RGB, encode
from tests.support.workers import LONG, is_gone, start_script, wait_until

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither signals nor forks"
)
PATIENT = WorkerLimits(seconds=300, cpu_seconds=300)
THERE = ImagePolicy(isolate=True)
PNG = encode(RGB, "PNG")


@pytest.fixture
def pool(monkeypatch):
    """What images are decoded by: one call at a time, and no slow ones beside it."""
    with Pool(1, PATIENT) as pool:
        monkeypatch.setattr(isolated, "SHARED", pool)
        yield pool


class Call:
    """An image that is being decoded by a thread; `outcome` once that has ended."""

    def __init__(self, check=None):
        self.outcome = None
        self._check = check
        self._thread = threading.Thread(target=self._load)
        self._thread.start()

    def join(self):
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        return self.outcome

    def _load(self):
        try:
            with stoppable_by(self._check):
                self.outcome = load_image(PNG, THERE).size
        except SmolVLMError as error:
            self.outcome = error


class Leaving:
    """A check that raises once somebody has left."""

    def __init__(self):
        self.has_left = threading.Event()

    def __call__(self):
        if self.has_left.is_set():
            raise Cancelled("the caller left", "Ask again.")


def stopped_child(pool, known=()):
    """The process of a child that is not among the known ones, stopped: it never answers."""
    wait_until(lambda: set(pool.pids) - set(known))
    [pid] = set(pool.pids) - set(known)
    os.kill(pid, signal.SIGSTOP)
    return pid


def stopped_calls(pool, count):
    """So many calls that wait for stopped children, and the children's processes."""
    calls, stopped = [], set()
    while len(stopped) < count:
        calls.append(Call())
        stopped.add(stopped_child(pool, stopped))
    return calls, stopped


def test_eight_slow_images_leave_room_for_a_good_one(monkeypatch):
    with Pool(2, PATIENT, slow=8) as pool:
        monkeypatch.setattr(isolated, "SHARED", pool)
        calls, stopped = stopped_calls(pool, 8)
        good = Call()
        assert good.join() == RGB.size
        assert {call.outcome for call in calls} == {None}
        pool.close()
        assert {type(call.join()) for call in calls} == {Closed}
        assert all(is_gone(pid) for pid in stopped)


def test_children_that_only_slow_calls_have_needed_end_when_they_rest(monkeypatch):
    monkeypatch.setattr(pools, "REST_SECONDS", 0.3)
    with Pool(2, PATIENT, slow=8) as pool:
        monkeypatch.setattr(isolated, "SHARED", pool)
        calls, stopped = stopped_calls(pool, 5)
        time.sleep(1)
        assert set(pool.pids) == stopped, "they have something to do"
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert {call.join() for call in calls} == {RGB.size}
        wait_until(lambda: len(pool.pids) == 2)
        assert len([pid for pid in stopped if is_gone(pid)]) == 3
        assert load_image(PNG, THERE).size == RGB.size
        assert len(pool.pids) == 2, "one of those that are warm was asked"
        assert len(pool._free) == len(pool._workers)


def test_a_cancelled_call_ends_its_child_and_the_next_one_works(pool):
    leaving = Leaving()
    call = Call(leaving)
    pid = stopped_child(pool)
    leaving.has_left.set()
    assert type(call.join()) is Cancelled and call.outcome.reason == "the caller left"
    assert is_gone(pid)
    assert load_image(PNG, THERE).size == RGB.size
    assert pool.pids != [pid]


def test_who_waits_for_a_child_can_leave_too(pool):
    busy = Call()
    pid = stopped_child(pool)
    leaving = Leaving()
    waiting = Call(leaving)
    leaving.has_left.set()
    assert type(waiting.join()) is Cancelled
    assert busy.outcome is None and pool.pids == [pid]
    os.kill(pid, signal.SIGCONT)
    assert busy.join() == RGB.size


def test_a_child_that_is_killed_takes_one_image_along(pool):
    kept = load_image(PNG, THERE)
    [first] = pool.pids
    os.kill(first, signal.SIGSTOP)
    call = Call()
    threading.Event().wait(0.2)  # so that it has been asked, as far as can be known
    os.kill(first, signal.SIGKILL)
    outcome = call.join()
    assert outcome == RGB.size or "signal 9, SIGKILL" in outcome.reason
    assert outcome == RGB.size or type(outcome) is DocumentTooCostly
    again = load_image(PNG, THERE)
    assert np.array_equal(np.asarray(again.pixels), np.asarray(load_image(PNG).pixels))
    assert np.array_equal(np.asarray(kept.pixels), np.asarray(again.pixels))
    assert first not in pool.pids


def test_a_stopped_child_is_ended_at_the_limit_of_time(monkeypatch):
    with Pool(1, WorkerLimits(seconds=2)) as pool:
        monkeypatch.setattr(isolated, "SHARED", pool)
        load_image(PNG, THERE)
        os.kill(pool.pids[0], signal.SIGSTOP)
        outcome = Call().join()
        assert type(outcome) is DocumentTooCostly and "longer than 2 s" in outcome.reason
        assert Call().join() == RGB.size


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux groups processes by sessions")
def test_a_slow_child_stands_back_behind_other_sessions(pool):
    load_image(PNG, THERE)
    [pid] = pool.pids
    group = Path(f"/proc/{pid}/autogroup")
    if not group.exists() or not group.read_text().strip():
        pytest.skip("this kernel does not group processes by sessions")
    assert (psutil.Process(pid).nice(), group.read_text().split()[-1]) == (5, "0")
    set_priority(pid, SLOW_NICE)
    assert (psutil.Process(pid).nice(), group.read_text().split()[-1]) == (10, "10")


IMAGES = """
from smolvlm_tools import ImagePolicy
from smolvlm_tools.images import load_image
from smolvlm_tools.sandbox import SHARED
from tests.support.image_kinds import RGB, encode
import hashlib, signal
FILES = [encode(RGB.rotate(angle), "PNG") for angle in range(0, 90, 10)]
digest = lambda image: hashlib.sha256(image.pixels.tobytes()).hexdigest()
load = lambda data: load_image(data, ImagePolicy(isolate=True))
"""


def run(body, folder):
    script = start_script(IMAGES + body, folder)
    out, err = script.communicate(timeout=LONG)
    assert (script.returncode, err) == (0, "")
    return out.splitlines()


def test_a_fork_has_its_images_and_a_child_of_its_own(tmp_path):
    lines = run(
        """
image = load(FILES[0])
before, first = digest(image), SHARED.pids
fork = os.fork()
if fork:
    del image  # its memory must not be used again, as the fork sees it
    for data in FILES[1:]:
        load(data)
    os.waitpid(fork, 0)
    assert SHARED.pids == first
else:
    import time
    time.sleep(1)
    assert digest(load(FILES[1])) == digest(load_image(FILES[1]))
    assert SHARED.pids != first
    print(digest(image) == before, flush=True)
""",
        tmp_path,
    )
    assert lines == ["True"]


def test_images_that_are_held_stay_as_they_are(tmp_path):
    lines = run(
        """
expected = [digest(load_image(data)) for data in FILES]
held = [load(data) for data in FILES]
for data in FILES:
    load(data)
print([digest(image) for image in held] == expected)
""",
        tmp_path,
    )
    assert lines == ["True"]


def test_ctrl_c_ends_the_wait_and_the_child(tmp_path):
    script = start_script(
        IMAGES
        + """
load(FILES[0])
[pid] = SHARED.pids
os.kill(pid, signal.SIGSTOP)
print(pid, flush=True)
try:
    load(FILES[1])
except KeyboardInterrupt:
    print("interrupted", SHARED.pids, flush=True)
print(load(FILES[1]).size)
""",
        tmp_path,
    )
    pid = int(script.stdout.readline())
    threading.Event().wait(1)
    os.killpg(script.pid, signal.SIGINT)
    assert script.communicate(timeout=LONG) == ("interrupted []\n(48, 32)\n", "")
    assert is_gone(pid)


def test_no_child_is_started_for_who_is_trusted(tmp_path):
    lines = run(
        """
import smolvlm_tools
load_image(FILES[0])
load_image(FILES[0], ImagePolicy())
print(psutil.Process().children(), SHARED.pids)
load(FILES[0])
print(len(psutil.Process().children()))
""",
        tmp_path,
    )
    assert lines == ["[] []", "1"]

"""Children end with their parents, and are replaced when something else ends them."""

from __future__ import annotations

import os
import signal
import sys
import threading

import psutil
import pytest

from smolvlm_tools import BackendUnavailable, Closed, DocumentTooCostly, SmolVLMError
from smolvlm_tools.pages.worker import DocumentWorker, WorkerLimits
from smolvlm_tools.sandbox.limits import IDLE
from tests.support.documents import document, pdf_only
from tests.support.hostile_documents import slow_page
from tests.support.workers import LONG, encoded, is_gone, start_script, wait_until, wait_until_busy

pytestmark = [
    pdf_only,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither signals nor forks"),
]
PATIENT = WorkerLimits(seconds=300, cpu_seconds=300)


def read_in_thread(pages, number=1):
    """Start reading a page; `join` the first of what is returned, then look into the second."""
    outcome = []

    def read():
        try:
            outcome.append(pages.read(number))
        except SmolVLMError as error:
            outcome.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    return thread, outcome


def test_a_child_that_is_killed_while_it_reads():
    with DocumentWorker(limits=PATIENT) as worker:
        pages = worker.open(encoded(slow_page(before=1)))
        pid = worker.pid
        thread, outcome = read_in_thread(pages, 2)
        wait_until_busy(pid)
        os.kill(pid, signal.SIGKILL)
        thread.join(LONG)
        assert type(outcome[0]) is DocumentTooCostly
        assert "crashed on page 2 of paper.pdf (signal 9, SIGKILL)" in outcome[0].reason
        assert pages.read(1).number == 1
        assert worker.pid not in (pid, None)


def test_a_child_that_is_killed_while_nobody_asks_it_is_not_missed():
    with DocumentWorker() as worker:
        pages = worker.open(encoded(document(2)))
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: worker.pid is None)
        assert pages.read(2).number == 2


def test_a_child_that_nobody_asks_ends_and_another_takes_its_place():
    with DocumentWorker(limits=WorkerLimits(idle_seconds=1.0)) as worker:
        pages = worker.open(encoded(document(2)))
        pid = worker.pid
        wait_until(lambda: worker.pid is None)
        assert is_gone(pid)
        assert pages.read(2).number == 2


def test_a_child_that_ends_while_it_is_being_asked_is_replaced(monkeypatch):
    with DocumentWorker() as worker:
        pages = worker.open(encoded(document(2)))
        process, popen = worker._process, worker._process._child.popen
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: worker.pid is None)
        popen.returncode = None  # so it looks alive, and then it ended when it was idle
        monkeypatch.setattr(popen, "_try_wait", lambda flags: (process.pid, IDLE << 8))
        monkeypatch.setattr(popen, "poll", lambda: popen.returncode)
        assert pages.read(2).number == 2
        assert popen.returncode == IDLE


def test_closing_the_pages_while_one_is_read():
    with DocumentWorker(limits=PATIENT) as worker:
        pages = worker.open(encoded(slow_page(fills=10)))
        thread, outcome = read_in_thread(pages)
        wait_until_busy(worker.pid)
        pages.close()
        thread.join(LONG)
        assert outcome[0].number == 1, "a page that is being read is still given"
        with pytest.raises(Closed):
            pages.read(1)
        assert worker.open(encoded(document())).read(1).number == 1


def test_closing_the_worker_while_a_page_is_read():
    worker = DocumentWorker(limits=PATIENT)
    pages = worker.open(encoded(slow_page()))
    pid = worker.pid
    thread, outcome = read_in_thread(pages)
    wait_until_busy(pid)
    worker.close()
    thread.join(LONG)
    assert type(outcome[0]) is Closed
    assert is_gone(pid)
    with pytest.raises(Closed):
        pages.read(1)
    worker.close()


def test_a_worker_that_is_dropped_takes_its_child_along():
    worker = DocumentWorker()
    pages = worker.open(encoded(document()))
    pid = worker.pid
    del worker, pages
    wait_until(lambda: is_gone(pid))


def test_an_interpreter_that_cannot_be_started_again(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with DocumentWorker() as worker, pytest.raises(BackendUnavailable, match="interpreter"):
        worker.open(encoded(document()))


def test_a_child_that_cannot_import_the_package_says_so(monkeypatch):
    monkeypatch.setattr("smolvlm_tools.sandbox.start._root", lambda: "/nowhere")
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    monkeypatch.setattr("smolvlm_tools.sandbox.start.__package__", "x")
    with DocumentWorker() as worker, pytest.raises(BackendUnavailable, match="No module named"):
        worker.open(encoded(document()))


def test_nothing_is_left_over_after_many_documents():
    def held():
        me = psutil.Process()
        return me.num_fds(), len(me.children()), threading.active_count()

    with DocumentWorker() as worker:
        worker.open(encoded(document())).close()
        before = held()
        for _ in range(25):
            with worker.open(encoded(document(2))) as pages:
                pages.read(2)
            kept = worker.open(encoded(document(2)))
        assert held() == before
        child = psutil.Process(worker.pid)
        assert child.num_threads() <= 3 and child.num_fds() <= 8
        assert kept.read(1).number == 1
    assert held()[1] == before[1] - 1


BUSY = """
worker = DocumentWorker(limits=WorkerLimits(seconds=300, cpu_seconds=300))
pages = worker.open(encoded(slow_page()))
print(worker.pid, flush=True)
try:
    pages.read(1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_a_parent_that_is_killed_takes_its_busy_child_along(tmp_path):
    script = start_script(BUSY, tmp_path)
    pid = int(script.stdout.readline())
    wait_until_busy(pid)
    script.kill()
    wait_until(lambda: is_gone(pid))
    script.communicate(timeout=LONG)


def test_ctrl_c_reaches_the_parent_alone(tmp_path):
    script = start_script(BUSY, tmp_path)
    pid = int(script.stdout.readline())
    wait_until_busy(pid)
    os.killpg(script.pid, signal.SIGINT)
    assert script.communicate(timeout=LONG) == ("interrupted\n", "")
    assert script.returncode == 0
    assert is_gone(pid)


def run(body, folder):
    script = start_script(body, folder)
    out, err = script.communicate(timeout=LONG)
    assert (script.returncode, err) == (0, "")
    return out.splitlines()


def test_a_script_without_a_guard_runs_once_and_leaves_nothing(tmp_path):
    [line] = run(
        """
pages = WorkerPool(2).open(encoded(document(2)))
print(pages.read(2).number, *[child.pid for child in psutil.Process().children()])
""",
        tmp_path,
    )
    number, pid = line.split()
    assert number == "2"
    assert is_gone(int(pid))


def test_a_fork_reads_by_a_child_of_its_own(tmp_path):
    lines = run(
        """
pool = WorkerPool(1)
pages = pool.open(encoded(document(2)))
first = pool.pids
busy = threading.Thread(target=pool.open(encoded(slow_page(8))).read, args=(1,))
busy.start()  # so that locks are held, by a thread that the fork has not
fork = os.fork()
assert pages.read(2).number == 2
print(pool.pids == first, flush=True)
if fork:
    os.waitpid(fork, 0)
    assert pages.read(1).number == 1
    print(pool.pids == first)
""",
        tmp_path,
    )
    assert sorted(lines) == ["False", "True", "True"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells another process's limits")
def test_what_the_child_can_see(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    with DocumentWorker() as worker:
        worker.open(encoded(document())).read(1)
        child = psutil.Process(worker.pid)
        assert "SECRET_TOKEN" not in child.environ()
        kinds = [psutil.RLIMIT_FSIZE, psutil.RLIMIT_CORE, psutil.RLIMIT_NOFILE, psutil.RLIMIT_DATA]
        assert [child.rlimit(kind)[0] for kind in kinds] == [0, 0, 64, 1_000_000_000]
        assert os.getsid(child.pid) == child.pid != os.getsid(0)

"""Processes that read documents, seen from outside."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from smolvlm_tools.images import EncodedImage
from smolvlm_tools.pages.worker import DocumentWorker, WorkerLimits
from smolvlm_tools.sandbox import Pool
from tests.support.hostile_documents import self_drawing_form
from tests.support.paths import ROOT

LONG = 60
"""Seconds after which what was waited for won't come."""


def encoded(data: bytes, name: str = "paper.pdf", mime: str | None = None) -> EncodedImage:
    return EncodedImage(data, name, mime)


@contextmanager
def patient_pool(monkeypatch):
    """A pool in place of the shared one, whose calls may take long: the machine may be busy."""
    limits = WorkerLimits(seconds=300, cpu_seconds=300)
    with Pool(2, limits, slow=8) as pool:
        monkeypatch.setattr("smolvlm_tools.images.isolated.SHARED", pool)
        monkeypatch.setattr("smolvlm_tools.pages.opening.SHARED", pool)
        yield pool


def read_form_without_end() -> None:
    """Read a page in a child that has little memory, and needs more."""
    with DocumentWorker(limits=WorkerLimits(memory_bytes=200_000_000)) as worker:
        worker.open(encoded(self_drawing_form())).read(1)


def wait_until(happened, seconds=LONG) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_busy(pid: int) -> None:
    """Wait until a process computes."""
    process = psutil.Process(pid)
    before = process.cpu_times().user
    wait_until(lambda: process.cpu_times().user > before + 0.2)


@contextmanager
def peak_memory(worker):
    """A list whose one number is the most memory that the worker's child had in use."""
    peak, done = [0], threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            try:
                rss = psutil.Process(worker.pid).memory_info().rss if worker.pid else 0
            except psutil.NoSuchProcess:
                rss = 0
            peak[0] = max(peak[0], rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


SCRIPT = """
import os, psutil, sys, threading
sys.path[:0] = {path!r}
from smolvlm_tools.pages.worker import DocumentWorker, WorkerLimits, WorkerPool
from tests.support.documents import document
from tests.support.hostile_documents import slow_page
from tests.support.workers import encoded
"""


def start_script(body: str, folder: Path) -> subprocess.Popen[str]:
    """Run a script that has no `__main__` guard, in another folder and a session of its own."""
    path = folder / "script.py"
    path.write_text(SCRIPT.format(path=[str(ROOT)]) + body)
    return subprocess.Popen(
        [sys.executable, str(path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

"""How a run ends before its time: Ctrl-C, an engine that fails; nothing hangs, nothing lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from smolvlm_tools import SmolVLM, errors
from smolvlm_tools.ingest import ingest, reading
from tests.support.ingesting import CAPTIONS, SMALL
from tests.support.mixed_corpus import drawing, encoded
from tests.support.paths import ROOT
from tests.support.records import by_id, draw_folder, read_lines
from tests.support.workers import wait_until

COMMAND = [
    *(sys.executable, "-c", "from smolvlm_tools.cli import main; main()", "ingest"),
    *("--model", "embedded", "--tasks", "caption", "--max-new-tokens", "64", "--quiet", "1"),
]


@pytest.fixture
def folder(tmp_path):
    return draw_folder(tmp_path / "scans", 40)


@pytest.fixture
def nothing_left():
    """No thread and no child process may outlive a run."""
    threads = {thread.ident for thread in threading.enumerate()}
    children = set(psutil.Process().children(recursive=True))
    yield

    def is_left(thread: threading.Thread) -> bool:
        return thread.ident not in threads and thread.name != "smolvlm"

    wait_until(lambda: not any(map(is_left, threading.enumerate())), 10)
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - children, 10)
    assert alive == []


def start(folder, out):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
    }
    return subprocess.Popen(
        [*COMMAND, str(folder), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(folder, tmp_path):
    out = tmp_path / "records.jsonl"
    with start(folder, out) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(60) == 130
        assert process.stderr.read().endswith("interrupted\n")
    assert psutil.wait_procs(children, 10)[1] == []
    kept = read_lines(out)
    assert len(kept) >= json.loads(lines[-1])["pages"] >= 3
    assert not any(each["error"] for each in kept), "what was interrupted has not failed"
    with start(folder, out) as process:
        summary = json.loads(process.stdout.read().splitlines()[-1])
        assert process.wait(60) == 0
    assert summary["known"] >= len(kept) and summary["pages"] == len(by_id(out)) == 40


def test_what_is_finished_is_kept_when_the_run_is_interrupted(vlm, folder, tmp_path, nothing_left):
    finished = threading.Semaphore(0)
    out = tmp_path / "records.jsonl"

    def interrupt(summary):
        for _ in range(12):  # these wait to be kept
            finished.acquire(timeout=30)
        raise KeyboardInterrupt

    original = vlm.ask_many

    def count(*arguments, **options):
        result = original(*arguments, **options)
        finished.release()
        return result

    vlm.ask_many = count
    with pytest.raises(KeyboardInterrupt):
        ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL, on_progress=interrupt)
    done = len(by_id(out))
    assert done >= 1
    vlm.ask_many = original
    vlm.asked.clear()
    summary = ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL)
    assert len(vlm.asked) == 40 - summary.known and summary.known >= done
    assert len(by_id(out)) == 40


@pytest.mark.parametrize(
    "error", [errors.ModelInvalid("bad weights"), errors.Closed("closed"), RuntimeError("a bug")]
)
def test_an_engine_that_fails_ends_the_run_with_its_error(
    vlm, folder, tmp_path, error, nothing_left
):
    out = tmp_path / "records.jsonl"

    def fail(image):
        if len(vlm.asked) > 20:
            raise error

    vlm.before = fail
    with pytest.raises(type(error), match=str(error.args[0])):
        ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL)
    kept = read_lines(out)
    assert kept and not any(each["error"] for each in kept)
    vlm.before = lambda image: None
    ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL)
    assert len(by_id(out)) == 40


def test_a_model_that_cannot_be_loaded_ends_the_run(folder, tmp_path, monkeypatch, nothing_left):
    def fail(name, **options):
        raise errors.OutOfMemoryBudget("too small a machine")

    monkeypatch.setattr(SmolVLM, "load", fail)
    with pytest.raises(errors.OutOfMemoryBudget):
        ingest(folder, tmp_path / "a.jsonl", model="embedded", wish=CAPTIONS, reading=SMALL)


def test_a_model_that_is_not_there_is_said_before_anything_is_read(folder, tmp_path):
    with pytest.raises(errors.ModelNotFound):
        ingest(folder, tmp_path / "a.jsonl", model=tmp_path / "none", wish=CAPTIONS)
    assert not (tmp_path / "a.jsonl").exists()


def test_a_report_that_fails_ends_the_run(vlm, folder, tmp_path, nothing_left):
    def fail(summary):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ingest(
            folder,
            tmp_path / "a.jsonl",
            engine=vlm,
            wish=CAPTIONS,
            reading=SMALL,
            on_progress=fail,
        )


def test_a_run_that_ends_well_leaves_nothing(vlm, folder, tmp_path, nothing_left):
    seen = []
    summary = ingest(
        folder,
        tmp_path / "a.jsonl",
        engine=vlm,
        wish=CAPTIONS,
        reading=SMALL,
        on_progress=lambda summary: seen.append(summary.pages),
    )
    assert seen == list(range(1, 41)) and summary.total_files in (None, 40)


def test_pages_wait_for_the_engine_and_files_for_pages(vlm, tmp_path, monkeypatch, nothing_left):
    """Back-pressure: while the engine does nothing, only so much is read."""
    read: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def paths():
        for number in range(500):
            path = tmp_path / f"{number}.png"
            path.write_bytes(encoded(drawing(number)))
            yield path

    def wait(image):
        entered.set()
        leave.wait(30)

    vlm.before = wait
    thread = threading.Thread(
        target=ingest,
        args=(list(paths()), tmp_path / "a.jsonl"),
        kwargs={"engine": vlm, "wish": CAPTIONS, "reading": SMALL},
    )
    opened = reading.read_page

    def spy(document, number, wish):
        read.append(str(document.source))
        return opened(document, number, wish)

    monkeypatch.setattr(reading, "read_page", spy)
    try:
        thread.start()
        assert entered.wait(30)
        before = -1
        while before != len(read):
            before = len(read)
            threading.Event().wait(0.5)
        assert len(read) <= 40, "16 with the engine, as many that wait for it, and one in hand"
    finally:
        leave.set()
        thread.join()
    assert len(by_id(tmp_path / "a.jsonl")) == 500

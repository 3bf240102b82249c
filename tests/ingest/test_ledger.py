"""The ledger on disk, and the keys of what it holds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading

import pytest
from pydantic import BaseModel

from smolvlm_tools import BadOptions, SharedEngine, SmolVLM, StoreFull
from smolvlm_tools.ingest import Ledger, digest_of, result_key


@pytest.fixture
def path(tmp_path):
    return tmp_path / "done.ledger"


def test_what_was_put_is_there_when_it_is_opened_again(path):
    with Ledger(path) as ledger:
        ledger.put("a", "first")
        ledger.put("a", "second")
        ledger.put("b", "failure", failed=True)
    with Ledger(path) as ledger:
        assert ledger.get("a") == "second"
        assert ledger.get("c") is None
        assert ledger.find(["a", "b", "c"]) == {"a": "second", "b": "failure"}
        assert ledger.find(["a", "b", "c"], failed=False) == {"a": "second"}


def test_many_keys_are_found_at_once(path):
    with Ledger(path) as ledger:
        for number in range(1_200):
            ledger.put(f"{number}", f"body {number}")
        assert len(ledger.find(f"{number}" for number in range(2_000))) == 1_200


def test_threads_and_processes_share_a_ledger(path):
    code = (
        "import sys; from smolvlm_tools.ingest import Ledger\n"
        "with Ledger(sys.argv[1]) as ledger:\n"
        "    for n in range(50): ledger.put(f'other {n}', 'x')"
    )
    other = subprocess.Popen([sys.executable, "-c", code, path])
    with Ledger(path) as ledger:

        def write(name):
            for number in range(50):
                ledger.put(f"{name} {number}", "x")

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert other.wait() == 0
        keys = [f"{name} {n}" for name in (0, 1, 2, 3, "other") for n in range(50)]
        assert len(ledger.find(keys)) == 250


def test_a_process_that_is_killed_loses_nothing_that_was_put(path):
    code = (
        "import os, signal, sys; from smolvlm_tools.ingest import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
        "for n in range(20): ledger.put(f'{n}', 'x' * 5000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    with Ledger(path) as ledger:
        assert len(ledger.find(f"{n}" for n in range(20))) == 20


def test_a_full_disk_is_said_and_keeps_what_there_is(path):
    with Ledger(path) as ledger:
        ledger.put("small", "x")
        ledger._database.execute("PRAGMA max_page_count = 4")
        with pytest.raises(StoreFull, match="full"):
            ledger.put("large", "x" * 100_000)
        assert ledger.get("small") == "x"


def test_what_is_no_ledger_is_refused(tmp_path, path):
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at " * 9)
    with pytest.raises(BadOptions, match="cannot be used as a ledger"):
        Ledger(tmp_path / "text")
    with pytest.raises(BadOptions, match="cannot be used as a ledger"):
        Ledger(tmp_path / "nowhere" / "ledger")
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(BadOptions, match="version 99"):
        Ledger(path)


def test_keys_depend_on_everything_and_on_no_order():
    class Invoice(BaseModel):
        total: float

    class Receipt(BaseModel):
        total: int

    one = {"a": 1, "b": [1, 2], "schema": Invoice}
    assert digest_of(one) == digest_of(dict(reversed(one.items())))
    for other in ({**one, "a": 2}, {**one, "b": [2, 1]}, {**one, "schema": Receipt}, {"a": 1}):
        assert digest_of(other) != digest_of(one)


def test_an_engine_has_the_same_identity_before_and_after_loading():
    shared = SharedEngine("embedded")
    planned = shared.identity()
    assert shared.loaded is None, "no weights for that"
    with SmolVLM.load("embedded") as vlm:
        assert vlm.identity == planned
    with SmolVLM.load("embedded", precision="fp32") as vlm:
        assert vlm.identity != planned


def test_a_retrained_folder_has_another_identity(tiny_a, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_a, tmp_path / "model")
    before = SharedEngine(folder, backend="torch").identity()
    weights = next(folder.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    after = SharedEngine(folder, backend="torch").identity()
    assert before.model == after.model and before != after
    keys = [
        result_key(images=["0" * 64], prompt="?", options={}, engine=engine)
        for engine in (before, after)
    ]
    assert keys[0] != keys[1]

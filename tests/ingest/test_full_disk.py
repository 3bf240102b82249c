"""A disk that fills up: a typed error, and the same call goes on when there is room."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from smolvlm_tools import errors
from smolvlm_tools.cli.run import run
from smolvlm_tools.ingest import ingest
from tests.support.ingesting import CAPTIONS, SMALL
from tests.support.mixed_corpus import drawing, encoded
from tests.support.records import by_id, draw_folder
from tests.support.small_disks import fill, make_room, small_disk

PAGES = 60


@pytest.fixture
def folder(tmp_path):
    return draw_folder(tmp_path / "scans", PAGES)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "256k") as place:
        yield place


@pytest.mark.parametrize("left", [4096, 100_000, 180_000])
def test_a_full_disk_ends_the_run_which_goes_on_when_there_is_room(
    vlm, folder, disk, tmp_path, left
):
    out = disk / "records.jsonl"
    fill(disk, left)
    with pytest.raises(errors.StoreFull, match=r"cannot be written"):
        while True:  # the ledger keeps more and more
            ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL)
            (folder / f"{len(os.listdir(folder))}.png").write_bytes(
                encoded(drawing(len(os.listdir(folder))))
            )
            assert len(os.listdir(folder)) < 3 * PAGES
    make_room(disk)
    ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL)
    elsewhere = tmp_path / "elsewhere.jsonl"
    ingest(folder, elsewhere, engine=vlm, wish=CAPTIONS, reading=SMALL)
    assert by_id(out) == by_id(elsewhere)


def test_a_ledger_on_a_full_disk(vlm, folder, disk, tmp_path):
    fill(disk, 40_000)
    out, ledger = tmp_path / "records.jsonl", disk / "ledger"
    with pytest.raises(errors.StoreFull):
        ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL, ledger=ledger)
    make_room(disk)
    vlm.asked.clear()
    summary = ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL, ledger=ledger)
    assert len(vlm.asked) == PAGES - summary.known and len(by_id(out)) == PAGES


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
from smolvlm_tools.cli.run import run
sys.exit(run(sys.argv[1:]))
"""


def test_the_command_says_so_and_ends_with_code_1(folder, tmp_path, capsys):
    out = tmp_path / "records.jsonl"
    arguments = ["ingest", str(folder), "--out", str(out), "--model", "embedded"]
    arguments += ["--tasks", "caption", "--max-new-tokens", "4", "--quiet", "1000"]
    code = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert code.returncode == 1, code.stderr
    assert "cannot be written" in code.stderr and "it goes on" in code.stderr
    assert "Traceback" not in code.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert run(arguments) == 0
    assert len(by_id(out)) == PAGES

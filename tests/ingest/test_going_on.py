"""What docs/ingest.md says of runs that go on: changed files, errors, duplicates, other wishes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from smolvlm_tools import Busy, SmolVLM
from smolvlm_tools.ingest import Summary, Wish, ingest
from tests.support.documents import png
from tests.support.paths import RECEIPT, SHAPES

CAPTION = Wish(tasks=("caption",))


@pytest.fixture(scope="module")
def engine(embedded):
    with SmolVLM.load(embedded) as vlm:
        yield vlm


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two equal files, another one, a blank one, a broken one."""
    (tmp_path / "in").mkdir()
    for name, image in (("a.png", RECEIPT), ("b.png", RECEIPT), ("c.png", SHAPES)):
        shutil.copy(image, tmp_path / "in" / name)
    (tmp_path / "in" / "d.png").write_bytes(png((64, 64), "white"))
    (tmp_path / "in" / "e.png").write_bytes(png()[:40])
    return tmp_path / "in"


def go(folder: Path, engine: SmolVLM, wish: Wish = CAPTION, **options: Any) -> Summary:
    return ingest(folder, folder.parent / "out.jsonl", engine=engine, wish=wish, **options)


def records(folder: Path, out: str = "out.jsonl") -> dict[str, dict[str, Any]]:
    """What was written about each file, of which there may be no second record."""
    lines = (folder.parent / out).read_text("utf-8").splitlines()
    found = {Path(record["source"]).name: record for record in map(json.loads, lines)}
    assert len(found) == len(lines)
    return found


def test_every_file_has_one_record_that_says_what_became_of_it(engine, folder):
    summary = go(folder, engine)
    found = records(folder)
    assert sorted(found) == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert found["b.png"]["duplicate_of"] == found["a.png"]["source"]
    assert found["b.png"]["text"] == found["a.png"]["text"] != {}
    assert "circle" in found["c.png"]["text"]["caption"]
    assert found["d.png"]["flags"] == ["blank_image"] and found["d.png"]["model"] is None
    assert found["e.png"]["error"]["code"] == "corrupt_image"
    assert (summary.duplicates, summary.blank, summary.errors) == (1, 1, 1)


def test_a_second_run_does_and_writes_nothing(engine, folder):
    go(folder, engine)
    before = (folder.parent / "out.jsonl").read_bytes()
    again = go(folder, engine)
    assert (folder.parent / "out.jsonl").read_bytes() == before
    assert (again.written, again.dropped, again.completion_tokens) == (0, 0, 0)


def test_a_changed_file_replaces_its_record_and_makes_others_the_first_of_their_kind(
    engine, folder
):
    go(folder, engine)
    shutil.copy(SHAPES, folder / "a.png")
    changed = go(folder, engine)
    found = records(folder)
    assert found["a.png"]["text"] == found["c.png"]["text"]
    assert found["b.png"]["duplicate_of"] is None
    assert found["c.png"]["duplicate_of"] == found["a.png"]["source"]
    assert changed.completion_tokens == 0  # both contents are known
    shutil.copy(RECEIPT, folder / "a.png")
    go(folder, engine)
    assert records(folder)["b.png"]["duplicate_of"] == found["a.png"]["source"]


def test_another_wish_replaces_the_records(engine, folder):
    go(folder, engine)
    other = go(folder, engine, Wish(tasks=("transcription",)))
    found = records(folder)
    assert list(found["a.png"]["text"]) == ["transcription"]
    assert other.dropped >= 4


def test_an_error_is_tried_again_only_if_that_is_wished(engine, folder):
    go(folder, engine)
    assert go(folder, engine).errors == 1
    assert go(folder, engine, retry_errors=True).errors == 1
    assert records(folder)["e.png"]["error"]["code"] == "corrupt_image"
    shutil.copy(SHAPES, folder / "e.png")
    assert go(folder, engine).errors == 0
    assert records(folder)["e.png"]["error"] is None


def test_records_of_a_file_that_is_gone_stay(engine, folder):
    go(folder, engine)
    (folder / "c.png").unlink()
    go(folder, engine)
    assert "c.png" in records(folder)


def test_outputs_may_share_a_ledger(engine, folder):
    go(folder, engine)
    ledger = folder.parent / "out.jsonl.ledger"
    second = ingest(folder, folder.parent / "b.jsonl", engine=engine, wish=CAPTION, ledger=ledger)
    assert (second.completion_tokens, second.written) == (0, 5)
    assert records(folder, "b.jsonl") == records(folder)


def test_a_second_run_on_the_same_output_is_refused(engine, folder):
    with FileLock(f"{folder.parent / 'out.jsonl'}.lock"), pytest.raises(Busy, match="another run"):
        go(folder, engine)

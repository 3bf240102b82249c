"""Runs that write Parquet: the same records as in JSONL, also after a kill."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smolvlm_tools.ingest import Wish, ingest
from tests.support.records import by_id, draw_folder, parquet_only

pytestmark = parquet_only
WISH = Wish(tasks=("caption",), questions={"colour": "What color is the circle?"})
RUN = """
import sys
from smolvlm_tools.ingest import Wish, ingest
wish = Wish(tasks=("caption",), questions={"colour": "What color is the circle?"})
def tell(summary):
    print(summary.pages, flush=True)
    if summary.pages == 5:
        sys.stdin.read()  # waits for the kill
ingest(sys.argv[1], sys.argv[2], model="embedded", wish=wish, on_progress=tell)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("images"), 8)


@pytest.fixture(scope="module")
def lines(folder, tmp_path_factory):
    """The records of an undisturbed run."""
    out = tmp_path_factory.mktemp("lines") / "records.jsonl"
    ingest(folder, out, model="embedded", wish=WISH)
    return by_id(out)


def test_parquet_and_jsonl_have_the_same_records(folder, lines, tmp_path):
    out = tmp_path / "records.parquet"
    summary = ingest(folder, out, model="embedded", wish=WISH)
    assert summary.written == 8
    assert by_id(out) == lines
    again = ingest(folder, out, model="embedded", wish=WISH)
    assert (again.known, again.written, again.dropped) == (8, 0, 0)


def test_a_name_that_ends_in_a_slash_is_a_folder_of_parts(folder, lines, tmp_path):
    import pyarrow.parquet as pq

    ingest(folder, f"{tmp_path}/records.parquet/", model="embedded", wish=WISH)
    assert by_id(tmp_path / "records.parquet") == lines
    names = [path.name for path in (tmp_path / "records.parquet").iterdir()]
    assert names == ["part-00000001.parquet"]
    assert pq.read_table(tmp_path / "records.parquet").num_rows == 8
    again = ingest(folder, tmp_path / "records.parquet", model="embedded", wish=WISH)
    assert (again.known, again.written) == (8, 0)


@pytest.mark.parametrize("out", ["records.parquet", "records.parquet/"])
def test_what_waited_for_its_part_when_the_run_was_killed_is_written(out, folder, lines, tmp_path):
    place = f"{tmp_path}/{out}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, folder, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with child:
        for line in child.stdout:
            if line == "5\n":
                break
        child.kill()
    assert not list(tmp_path.rglob("*.parquet/*.parquet"))  # none of the five was written
    summary = ingest(folder, place, model="embedded", wish=WISH)
    assert summary.known >= 5
    assert summary.written == 8
    assert by_id(tmp_path / "records.parquet") == lines

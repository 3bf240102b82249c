"""Parquet as an output: a file, and a folder of parts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smolvlm_tools import BadOptions
from smolvlm_tools.ingest import Answer, Cost, Fault, read_parquet
from smolvlm_tools.ingest.columns import record_of, schema, table_of
from smolvlm_tools.ingest.parquet import ParquetFile, ParquetFolder
from tests.support.records import parquet_only, record

pytestmark = parquet_only
RICH = record(
    1,
    source="/a/\udcff.pdf",
    source_sha256="ab",
    page=2,
    pages=3,
    picture=1,
    bbox=(0.1, 0.2, 0.3, 0.4),
    text={"caption": "ein Bär \ud800 \\udcff", "layer": ""},
    text_source="both",
    answers={"q": Answer(text="1.5", value=1.5, confidence=0.5, probabilities={"a": 1.0})},
    fields=Answer(text="{}", value={"a": [1, None, "é"]}, confidence=1.0),
    confidence={"caption": 0.25},
    flags=("blank_image", "turned"),
    usage=Cost(tiles=1, prompt_tokens=2, completion_tokens=3),
    error=Fault(code="c", reason="r", remedy="m"),
)


@pytest.fixture(params=["file", "folder"])
def opened(request, tmp_path):
    """Opens the same output again and again."""
    kind = {"file": ParquetFile, "folder": ParquetFolder}[request.param]
    return lambda rows=3: kind(tmp_path / "records.parquet", rows)


def never(about):
    return False


def ids(output):
    return [int(about.id, 16) for about in output.written()]


def test_a_row_has_all_of_its_record():
    plain = record(7)
    table = table_of([RICH, plain])
    assert table.schema == schema()
    rich, other = (record_of(row) for row in table.to_pylist())
    assert other == plain
    # What only looks like a lone surrogate becomes one; nothing else changes.
    text = {"caption": "ein Bär \ud800 \udcff", "layer": ""}
    assert rich == RICH.model_copy(update={"text": text})


def test_columns_are_of_the_documented_types():
    import pyarrow as pa

    types = {field.name: field.type for field in schema()}
    assert types["text"] == pa.map_(pa.string(), pa.string())
    assert types["bbox"] == pa.list_(pa.float64())
    assert types["error"].field("reason").type == pa.string()
    assert schema().metadata == {b"smolvlm.record": b"2"}


def test_records_stand_there_when_they_are_read(opened, tmp_path):
    records = [record(number, page=1) for number in range(8)]
    with opened() as output:
        for each in records:
            output.write(each)
        assert output.settle(never) == 0
        assert ids(output) == list(range(8))
    assert list(read_parquet(tmp_path / "records.parquet")) == records


def test_what_was_not_merged_is_there_when_it_is_opened_again(opened):
    output = opened()
    for number in range(8):
        output.write(record(number))
    # As after a kill: two parts are written, two records were waiting.
    with opened() as again:
        assert ids(again) == [0, 1, 2, 3, 4, 5]
        again.write(record(6))
        again.settle(never)
        assert ids(again) == [0, 1, 2, 3, 4, 5, 6]


def test_closing_keeps_what_waits(opened):
    with opened() as output:
        output.write(record(1))
    with opened() as output:
        assert ids(output) == [1]


def test_stale_records_and_all_but_the_last_of_an_id_are_dropped(opened, tmp_path):
    with opened() as output:
        for number in range(7):
            output.write(record(number))
        output.settle(never)
        output.write(record(3, page=9))
        assert output.settle(lambda about: about.source in ("0.png", "5.png")) == 3
        assert output.settle(never) == 0
    left = list(read_parquet(tmp_path / "records.parquet"))
    assert sorted(int(each.id, 16) for each in left) == [1, 2, 3, 4, 6]
    assert [each.page for each in left if each.source == "3.png"] == [9]


def test_written_tells_what_failed_and_the_name_as_it_was(opened):
    with opened() as output:
        output.write(RICH)
        output.settle(never)
        (about,) = output.written()
        assert about == (RICH.id, "/a/\udcff.pdf", True)


def test_a_file_that_was_merged_but_whose_parts_a_kill_left_has_nothing_twice(tmp_path):
    path = tmp_path / "records.parquet"
    with ParquetFile(path, 2) as output:
        for number in range(4):
            output.write(record(number))
        os.rename(output.path, tmp_path / "kept")
        os.mkdir(output.path)
        for part in (tmp_path / "kept").iterdir():
            os.link(part, output.path / part.name)
        output.settle(never)
    os.rename(tmp_path / "kept", f"{path}.parts")
    with ParquetFile(path, 2) as output:
        assert output.settle(never) == 4
        assert ids(output) == [0, 1, 2, 3]
    assert [each.name for each in tmp_path.iterdir()] == ["records.parquet"]


def test_half_a_part_is_cleared_away(opened, tmp_path):
    with opened() as output:
        output.write(record(1))
        folder = output.path
    half = folder / "part-00000002.parquet.part"
    half.write_bytes(b"PAR1")
    with opened() as output:
        assert ids(output) == [1]
    assert not half.exists()


def test_an_output_without_records_is_valid(tmp_path):
    with ParquetFile(tmp_path / "records.parquet") as output:
        output.settle(never)
    assert list(read_parquet(tmp_path / "records.parquet")) == []


def test_rows_of_small_parts_are_grouped(tmp_path):
    import pyarrow.parquet as pq

    with ParquetFile(tmp_path / "records.parquet", 1) as output:
        for number in range(5):
            output.write(record(number))
        output.settle(never)
    assert pq.ParquetFile(tmp_path / "records.parquet").num_row_groups == 1


@pytest.mark.parametrize("kind", ["text", "other", "version"])
def test_something_else_is_not_written_over(kind, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "records.parquet"
    if kind == "text":
        path.write_text("hello")
    elif kind == "other":
        pq.write_table(pa.table({"id": [1]}), path)
    else:
        table = table_of([record(1)]).replace_schema_metadata({"smolvlm.record": "99"})
        pq.write_table(table, path)
    before = path.read_bytes()
    with pytest.raises(BadOptions, match=r"records\.parquet") as raised:
        ParquetFile(path)
    assert ("99" in str(raised.value)) == (kind == "version")
    assert path.read_bytes() == before


def test_a_full_disk_is_said_and_leaves_what_is_there(tmp_path):
    code = """
import resource, signal, sys
from pathlib import Path
from smolvlm_tools import StoreFull
from smolvlm_tools.ingest.parquet import ParquetFile
from tests.support.records import record
output = ParquetFile(Path(sys.argv[1]), 1)
output.write(record(1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    output.write(record(2, text={"caption": "".join(map(chr, range(300, 40_000)))}))
except StoreFull as error:
    print(error)
"""
    path = tmp_path / "records.parquet"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, env=environment
    )
    assert "records.parquet.parts" in done.stdout, done.stderr
    assert "it goes on" in done.stdout
    with ParquetFile(path) as output:
        assert ids(output) == [1]
        assert [part.name for part in output.path.iterdir()] == ["part-00000001.parquet"]


def test_pyarrow_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(BadOptions, match=r"smolvlm-tools\[parquet\]"):
        ParquetFile(tmp_path / "records.parquet")

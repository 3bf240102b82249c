"""Records on disk: what a kill left is healed, what is somebody else's is left alone."""

from __future__ import annotations

import json
import os

import pytest

from smolvlm_tools import errors
from smolvlm_tools.ingest import Record
from smolvlm_tools.ingest.output import JsonLines
from smolvlm_tools.ingest.record import FIELDS, Answer, Cost, Fault, as_json
from tests.support.records import read_lines, record

FULL = Record(
    id="1" * 32,
    source="a\udcff.png",
    source_sha256="ab",
    page=1,
    pages=2,
    picture=1,
    bbox=(0.0, 0.25, 0.5, 1.0),
    text={"transcription": "line\u2028one\n\u0000\ud83d", "caption": "ünï"},
    text_source="both",
    answers={"q": Answer(text="7", value=7, confidence=0.5, probabilities={"7": 0.5})},
    fields=Answer(text="{}", value={"a": [1, None]}, confidence=1.0, incomplete="cut"),
    confidence={"caption": 0.25},
    flags=("truncated",),
    usage=Cost(tiles=1, prompt_tokens=2, completion_tokens=3),
    error=Fault(code="c", reason="r", remedy="m"),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def fill(path, *numbers):
    with JsonLines(path) as output:
        for number in numbers:
            output.write(record(number))


def ids(path):
    return [int(each["id"], 16) for each in read_lines(path)]


def test_a_record_is_its_line(path):
    with JsonLines(path) as output:
        output.write(FULL)
        output.write(record(2))
    [line, other] = path.read_bytes().splitlines()
    assert tuple(json.loads(line)) == tuple(json.loads(other)) == FIELDS
    assert Record.model_validate(json.loads(line)) == FULL
    assert set(FIELDS) == set(Record.model_fields)
    assert as_json(FULL)["version"] == 2


def test_a_record_is_there_when_write_returns(path):
    with JsonLines(path) as output:
        output.write(record(1))
        assert ids(path) == [1]


@pytest.mark.parametrize("cut", [1, 5, 14, 20, 200, -1])
def test_a_line_that_was_cut_off_is_dropped(path, cut):
    fill(path, 1, 2)
    whole = path.read_bytes()
    last = whole[whole.index(b"\n") + 1 :]
    path.write_bytes(whole[: len(whole) - len(last)] + last[:cut])
    fill(path, 3)
    assert ids(path) == [1, 3]


def test_what_a_power_cut_leaves_of_a_line_is_dropped(path):
    fill(path, 1)
    with path.open("ab") as file:
        file.write(b"\0" * 4000)
    fill(path, 2)
    assert ids(path) == [1, 2]


def test_of_two_lines_with_the_same_id_the_later_one_stays(path):
    with JsonLines(path) as output:
        output.write(record(1, source="old.png"))
        output.write(record(2))
        output.write(record(1, source="new.png"))
    JsonLines(path).close()
    assert [each["source"] for each in read_lines(path)] == ["2.png", "new.png"]


def test_stale_records_are_dropped_and_counted(path):
    fill(path, 1, 2, 3)
    with JsonLines(path) as output:
        assert output.settle(lambda written: written.source == "2.png") == 1
        output.write(record(4))
    assert ids(path) == [1, 3, 4]


@pytest.mark.parametrize(
    "foreign",
    [
        b"hello\n",
        b"hello",
        b'{"a": 1}',
        b'{"a": 1}\n',
        b"[1, 2]\n",
        b"\n",
        b"null\n",
        b"\xff\xfe\n",
        b'{"id": "a", "source": "b", "error": null}\n',
        b'{"id": "a", "source": "b", "error": null}',
        b'{"version": 1, "id": "a", "source": "b", "error": null}\n',
        b"[" * 100_000 + b"\n",
        b"PK\3\4",
    ],
)
def test_a_file_that_holds_something_else_is_refused_and_left_alone(path, foreign):
    path.write_bytes(foreign)
    with pytest.raises(errors.BadOptions, match="no record of ours"):
        JsonLines(path)
    assert path.read_bytes() == foreign
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_places_that_cannot_be_written(tmp_path):
    for place in (tmp_path / "nowhere" / "a.jsonl", tmp_path):
        with pytest.raises(errors.BadOptions, match="cannot be written"):
            JsonLines(place)


class FullDisk:
    """A file that has room for some more bytes, and then for half a record."""

    def __init__(self, file, room):
        self._file, self.room = file, room

    def write(self, data):
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        written = self._file.write(data[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_full_disk_leaves_whole_lines_and_can_go_on(path):
    with JsonLines(path) as output:
        output.write(record(1))
        output._file = FullDisk(output._file, 100)
        with pytest.raises(errors.StoreFull, match="No space left"):
            output.write(record(2))
        assert ids(path) == [1]
        output._file.room = 10_000
        output.write(record(3))
    assert ids(path) == [1, 3]


def test_rewriting_on_a_full_disk_keeps_what_there_is(path, monkeypatch):
    fill(path, 1, 1, 2)
    before = path.read_bytes() + b'{"version": 2, "id": "'
    path.write_bytes(before)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(errors.StoreFull):
        JsonLines(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_many_lines_take_no_more_memory_than_their_ids(path):
    import tracemalloc

    with path.open("w") as file:
        line = json.dumps(as_json(record(1, text={"transcription": "x" * 100_000})))
        for number in range(200):
            file.write(line.replace(f"{1:032x}", f"{number:032x}") + "\n")
    tracemalloc.start()
    with JsonLines(path) as output:
        assert sum(1 for _ in output.written()) == 200
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()

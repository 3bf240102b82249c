"""docs/ingest.md: its commands print what it shows, and its tables hold."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest

from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.ingest import Answer, Cost, Fault, Ledger, PageCheck, Reading, Record, Wish
from smolvlm_tools.ingest.record import FIELDS, VERSION
from smolvlm_tools.ingest.wish import TASKS, TEXTS
from smolvlm_tools.pages import LONGEST_EDGE, MAX_PAGES
from smolvlm_tools.pages.worker import WorkerLimits
from tests.support.document_blocks import run, run_python, the_block
from tests.support.ocr import ocr_only
from tests.support.paths import IMAGES, ROOT
from tests.support.records import parquet_only

GUIDE = "docs/ingest.md"
TEXT = (ROOT / GUIDE).read_text()
(SCHEMA,) = re.findall(r"<!-- schema:begin -->\n(.*?)<!-- schema:end -->", TEXT, re.DOTALL)
SECONDS = re.compile(r"in \d+\.\d s")


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(IMAGES, tmp_path / "examples" / "images")
    return tmp_path


def rows(table: str) -> list[list[str]]:
    """The cells of a table's rows, its head left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_field_of_a_record_is_in_the_table_in_the_order_of_the_file():
    told = [name for row in rows(SCHEMA) for name in names(row[0])]
    assert set(FIELDS) == set(Record.model_fields)
    places = [FIELDS.index(name) for name in told]
    assert places == list(range(len(FIELDS)))


def test_the_tables_types_are_those_of_the_record():
    """By the JSON schema of what is written."""
    schema = Record.model_json_schema(mode="serialization")["properties"]
    words = {"string": "text", "null": "null", "object": "object"}
    words |= dict.fromkeys(("integer", "number"), "number")
    for fields, told, _ in rows(SCHEMA):
        for name in names(fields):
            options = schema[name].get("anyOf", [schema[name]])
            kinds = [words.get(option.get("type", "object"), "list") for option in options]
            if name == "version":
                assert told == str(VERSION)
            elif name == "bbox":
                assert told == "4 numbers or null" and kinds == ["list", "null"]
            elif kinds == ["list"]:
                assert told == "list of texts"
            else:
                assert told == " or ".join(kinds), name


def test_what_stands_inside_answers_checks_usage_and_errors_is_named():
    named = set(names(SCHEMA))
    for part in (Answer, Cost, Fault, PageCheck):
        assert set(part.model_fields) <= named, part


def test_the_shown_record_is_the_one_that_is_written_in_the_order_of_its_fields(embedded, folder):
    command = ("-m", "smolvlm_tools", "ingest", "examples/images", "--model", "embedded")
    run_python(*command, "--out", "records.jsonl", folder=folder)
    lines = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    (found,) = [record for record in lines if record["source"].endswith("receipt.png")]
    shown = json.loads(the_block(GUIDE, "json", "receipt.png"))
    assert list(found) == list(shown) == list(FIELDS)
    assert found.pop("confidence") == pytest.approx(shown.pop("confidence"), abs=0.02)
    for one in (found, shown):  # these depend on the precision, which depends on the CPU
        assert len(one.pop("id")) == 32
        assert one.pop("precision")
    assert found == shown
    Record.model_validate_json(the_block(GUIDE, "json", "receipt.png"))


def test_the_first_commands_print_what_the_guide_shows(embedded, folder):
    shown = the_block(GUIDE, "console", "smolvlm ingest")
    steps = re.findall(r"^\$ smolvlm (.*)\n((?:(?!\$ ).*\n)*)", shown, re.MULTILINE)
    assert len(steps) == 2
    for command, printed in steps:
        found = run_python("-m", "smolvlm_tools", *shlex.split(command), folder=folder)
        assert SECONDS.sub("", found) == SECONDS.sub("", printed)


def test_the_python_example_prints_what_the_guide_shows(embedded, folder):
    found = run(the_block(GUIDE, "python", "import Record, Wish, ingest"), folder)
    assert found == the_block(GUIDE, "text", "1 page")


@ocr_only
@parquet_only
def test_the_example_of_a_second_reader_prints_what_the_guide_shows(embedded, folder):
    found = run(the_block(GUIDE, "python", "checked.parquet"), folder)
    assert found == the_block(GUIDE, "text", "box=Box")


def test_the_cache_of_replies_is_a_ledger(embedded, folder):
    pytest.importorskip("langchain_core", reason="langchain-core, the extra, is not installed")
    code = the_block(GUIDE, "python", "SmolVLMLoader")
    shown = the_block(GUIDE, "text", "printed text th")
    assert run(code, folder) == shown
    with Ledger(folder / "kept.ledger"):  # it is one
        pass
    assert run(code, folder) == shown


def test_the_tables_of_choices_have_every_choice():
    (choices,) = re.findall(r"\| `text=`, `--text` .*?\n\n", TEXT, re.DOTALL)
    assert [name for row in rows(choices) for name in names(row[0])] == list(TEXTS)
    assert set(TASKS) == {"transcription", "caption", "pictures"} and Wish().text == "auto"


def test_the_limits_are_those_of_the_code():
    (table,) = re.findall(r"\| limit \| default .*?\n\n", TEXT, re.DOTALL)
    shown = [row[1] for row in rows(table)]
    reading, limits = Reading(), WorkerLimits()
    assert limits.seconds == limits.cpu_seconds
    assert shown == [
        f"{reading.rules.max_bytes // 10**6} MB",
        f"{MAX_PAGES:,} pages",
        f"{ImagePolicy().max_pixels // 10**6} million",
        f"{LONGEST_EDGE} pixels along the longer side",
        f"{limits.seconds:g} s by the clock, {limits.cpu_seconds} s of processor time, "
        f"{limits.memory_bytes // 10**9} GB",
    ]
    assert "Two children" in TEXT and reading.workers == 2

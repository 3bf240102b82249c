"""`smolvlm ingest`: options, output and exit codes."""

from __future__ import annotations

import json
from io import BytesIO, TextIOWrapper

import pytest

from tests.support.documents import tiff
from tests.support.ocr import ocr_only, written
from tests.support.paths import IMAGES, ROOT


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_becomes_records_and_the_second_run_has_nothing_to_do(smolvlm, tmp_path):
    out = tmp_path / "records.jsonl"
    arguments = ["ingest", str(IMAGES), "--out", str(out), "--model", "embedded"]
    answer = smolvlm(*arguments)
    assert answer.code == 0
    assert "2 files, 2 pages" in answer.out and "2 records written" in answer.out
    before = out.read_bytes()
    again = smolvlm(*arguments, "--json")
    assert json.loads(again.out)["known"] == 2
    assert out.read_bytes() == before
    assert {record["source"] for record in records(out)} == {
        str(IMAGES / name) for name in ("receipt.png", "shapes.png")
    }


def test_a_broken_file_is_an_error_record_and_exit_code_3(smolvlm, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    out = tmp_path / "out"
    answer = smolvlm(
        *("ingest", str(tmp_path / "broken.png"), str(tmp_path / "missing.png")),
        *("--out", str(out), "--model", "embedded"),
    )
    assert answer.code == 3
    assert "--retry-errors" in answer.err
    errors = {record["error"]["code"] for record in records(out / "records.jsonl")}
    assert errors == {"corrupt_image", "image_not_found"}


def test_names_come_from_standard_input_and_quiet_prints_json_lines(smolvlm, tmp_path, monkeypatch):
    (tmp_path / "pages.tif").write_bytes(tiff("red", "blue", "green"))
    names = BytesIO(f"{tmp_path / 'pages.tif'}\n".encode())
    monkeypatch.setattr("sys.stdin", TextIOWrapper(names))
    answer = smolvlm(
        *("ingest", "-", "--out", str(tmp_path / "r.jsonl"), "--model", "embedded"),
        *("--quiet", "2"),
    )
    assert answer.code == 0
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["pages"] for line in lines] == [2, 3]
    assert lines[-1]["blank"] == 3


def test_questions_and_fields_stand_in_the_record(smolvlm, tmp_path):
    questions = tmp_path / "questions.json"
    questions.write_text('{"total": {"question": "What is the total?", "answer": "number"}}')
    out = tmp_path / "r.jsonl"
    answer = smolvlm(
        *("ingest", str(IMAGES / "receipt.png"), "--out", str(out), "--model", "embedded"),
        *("--questions", str(questions), "--tasks", "transcription"),
        *("--schema", str(ROOT / "examples" / "receipt.schema.json")),
    )
    assert answer.code == 0, answer.err
    [record] = records(out)
    assert record["answers"]["total"]["value"] == 7.5
    assert record["fields"]["value"]["vendor"] == "CORNER CAFE"
    assert list(record["text"]) == ["transcription"]


@ocr_only
def test_a_second_reader_checks_records_and_what_is_held_back_is_told(smolvlm, tmp_path):
    out, page = tmp_path / "r.jsonl", tmp_path / "page.png"
    written("The quick brown fox", "jumps over the dog")[0].save(page)
    command = ("ingest", str(page), "--out", str(out), "--model", "embedded", "--check", "ocr")
    answer = smolvlm(*command, "--source", "best", "--tasks", "transcription")
    assert answer.code == 0, answer.err
    [record] = records(out)
    assert record["text"]["transcription"] == "The quick brown fox\njumps over the dog"
    check = record["check"]
    assert check["text_from"] == "best" and set(check["words"][0]["box"]) == {
        *("left", "top", "right", "bottom")
    }
    answer = smolvlm(*command, "--min-agreement", "1", "--tasks", "transcription")
    assert answer.code == 0 and "1 held back" in answer.out
    [record] = records(out)
    assert record["text"]["transcription"] == "" and "low_agreement" in record["flags"]
    assert record["check"]["model_text"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--check", "eyes"], "--check eyes is unknown"),
        (["--source", "best"], "--source best needs a check. Add --check ocr"),
        (["--min-agreement", "0.5"], "--min-agreement 0.5 needs a check"),
        (["--check", "ocr", "--min-agreement", "2"], "--min-agreement 2.0 is no share"),
        (["--check", "ocr", "--tasks", "caption"], "among the --tasks"),
        (["--check", "ocr", "--text", "layer"], "with --text layer it reads no page"),
        (["--check", "ocr", "--window", "30s"], "--window 30s is for videos"),
        (["--tasks", "poetry"], "unknown task 'poetry'"),
        (["--text", "ocr"], "unknown text 'ocr'"),
        (["--engine", "spark"], "unknown engine 'spark'"),
        (["--ray-workers", "2:8"], "--ray-workers needs --engine ray"),
        (["--engine", "ray", "--ray-workers", "many"], "'many' is no range"),
        (["--engine", "ray", "--ray-workers", "8:2"], "--ray-workers (8, 2) is no range"),
        (["--workers", "0"], "workers"),
        (["--max-bytes", "large"], "large"),
        (["--page-seconds", "0"], "--page-seconds 0"),
        (["--model", "257m"], "257m"),
        (["--out", "records.csv"], "records.csv"),
    ],
)
def test_a_wrong_option_is_one_line_before_anything_runs(
    smolvlm, tmp_path, monkeypatch, options, complaint
):
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in options else ["--out", str(tmp_path / "r.jsonl")]
    answer = smolvlm("ingest", str(IMAGES), *out, "--model", "embedded", *options)
    assert answer.code in (2, 4)
    assert complaint in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "r.jsonl").exists() or not (tmp_path / "r.jsonl").read_text()
    assert not (tmp_path / "records.csv.lock").exists()

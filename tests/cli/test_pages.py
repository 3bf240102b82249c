"""Documents on the command line: every page in turn, or those of --pages."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from types import SimpleNamespace

import pytest

from smolvlm_tools.cli import asking
from smolvlm_tools.pages import Pages
from tests.support.cli import REPLY, only_line
from tests.support.documents import RED_SQUARE, document, encrypted, pdf_only, tiff
from tests.support.paths import SHAPES
from tests.support.processes import run

EMBEDDED = ("--model", "embedded")
WIDTHS = [40, 50, 60, 70, 80]
"""Of the pages of `scan`: what tells them apart in a plan."""


@pytest.fixture
def scan(tmp_path):
    """A TIFF file of five pages."""
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff("red", "green", "blue", "gray", "pink"))
    return path


@pytest.fixture
def plans(smolvlm):
    """What `plan --json` tells of every image or page: entries."""

    def call(*arguments):
        answer = smolvlm("plan", *arguments, "--json", *EMBEDDED)
        assert answer.code == 0, answer.err
        told = json.loads(answer.out)
        return told if isinstance(told, list) else [told]

    return call


def damaged(data: bytes) -> bytes:
    """A TIFF file with several pages, without the width of its second one."""
    broken = bytearray(data)
    width = b"\x00\x01\x04\x00\x01\x00\x00\x00"
    at = broken.index(width, broken.index(width) + 1)
    broken[at : at + 2] = b"\xff\xfe"
    return bytes(broken)


def widths(entries) -> list[int]:
    return [entry["images"][0]["width"] for entry in entries]


# Which pages


def test_every_page_of_a_document_is_answered_in_turn_under_its_name(smolvlm, fake, scan):
    answer = smolvlm("describe", scan)
    assert answer.code == 0 and len(fake) == 1
    headings = [line for line in answer.out.splitlines() if line.endswith(":")]
    assert headings == [f"{scan}, page {page} of 5:" for page in range(1, 6)]
    assert answer.out.count(REPLY.strip()) == 5


@pytest.mark.parametrize(
    ("selection", "pages"),
    [("1-3", [1, 2, 3]), ("4-", [4, 5]), ("5,1", [5, 1]), ("2", [2]), ("all", [1, 2, 3, 4, 5])],
)
def test_pages_are_chosen_in_the_order_in_which_they_are_written(plans, scan, selection, pages):
    entries = plans(scan, "--pages", selection)
    assert [entry["page"] for entry in entries] == pages
    assert widths(entries) == [WIDTHS[page - 1] for page in pages]
    assert {(entry["image"], entry["pages"]) for entry in entries} == {(str(scan), 5)}


def test_one_page_is_like_one_image(smolvlm, fake, scan):
    assert smolvlm("describe", scan, "--pages", "2").out == REPLY.strip() + "\n"
    told = json.loads(smolvlm("describe", scan, "--pages", "2", "--json").out)
    assert (told["page"], told["pages"], told["text"]) == (2, 5, REPLY.strip())
    assert told["sources"] == [{"source": str(scan), "page": 2, "pages": 5, "seconds": None}]
    assert isinstance(json.loads(smolvlm("describe", scan, "--json").out), list)


@pdf_only
def test_a_pdf_is_a_document(smolvlm, tmp_path):
    path = tmp_path / "square.pdf"
    path.write_bytes(document(2, content=RED_SQUARE))
    answer = smolvlm("describe", path, *EMBEDDED)
    assert answer.out.count("red square") == 2
    assert f"{path}, page 2 of 2:\n" in answer.out
    assert "page 1 of 2 " in smolvlm("plan", path, *EMBEDDED).out


def test_all_commands_take_pages(smolvlm, scan, tmp_path):
    schema, questions = tmp_path / "schema.json", tmp_path / "questions.json"
    schema.write_text('{"properties": {"n": {"type": "integer"}}, "required": ["n"]}')
    questions.write_text('{"page": "What is this?", "error": "Which color?"}')
    for command, *more in (
        ("describe", scan),
        ("ask", scan, "What is this?"),
        ("ask", scan, "--questions", questions),
        ("transcribe", scan, "--max-new-tokens", "3"),
        ("extract", scan, "--schema", schema),
        ("plan", scan),
    ):
        answer = smolvlm(command, *more, "--pages", "3-4", "--jsonl", *EMBEDDED)
        assert answer.code == 0, answer.err
        entries = [json.loads(line) for line in answer.out.splitlines()]
        assert [entry["page"] for entry in entries] == [3, 4], command
        assert [list(entry)[:3] for entry in entries] == [["image", "page", "pages"]] * 2


@pytest.mark.parametrize("selection", ["0", "3-1", "one", "", "1;2", "-"])
def test_what_is_no_selection_is_a_usage_error_and_loads_no_model(smolvlm, fake, scan, selection):
    for command in (["describe"], ["plan"], ["ask", "--questions", "QUESTIONS"]):
        questions = scan.with_name("questions.json")
        questions.write_text('{"a": "What?"}')
        given = [str(questions) if each == "QUESTIONS" else each for each in command]
        answer = smolvlm(*given, scan, "--pages", selection)
        assert (answer.code, answer.out) == (2, "")
        assert only_line(answer.err).startswith("error: --pages ")
    assert fake == []


def test_a_page_that_is_not_there_is_the_files_fault(smolvlm, fake, scan, picture):
    answer = smolvlm("describe", picture, scan, "--pages", "1,6", "--json")
    assert answer.code == 3 and fake == []
    assert f"error: there is no page 6 in '{scan}'. It has 5 pages." in answer.err.splitlines()
    assert f"error: there is no page 6 in '{picture}'. It has 1 page." in answer.err.splitlines()
    answer = smolvlm("describe", picture, scan, "--pages", "2", "--json")
    missing, answered = json.loads(answer.out)
    assert answer.code == 3 and (missing["image"], missing["page"]) == (str(picture), None)
    assert (answered["image"], answered["page"]) == (str(scan), 2)


def test_a_broken_page_does_not_lose_the_others(smolvlm, fake, scan):
    scan.write_bytes(damaged(scan.read_bytes()))
    answer = smolvlm("describe", scan, "--json")
    entries = json.loads(answer.out)
    assert answer.code == 3 and answer.err.count("error: ") == 1
    assert f"error: page 2 of '{scan}' is damaged" in answer.err
    assert [entry["page"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [page for page, entry in enumerate(entries, 1) if "error" in entry] == [2]
    assert entries[1]["error"]["code"] == "corrupt_image" and entries[1]["pages"] == 5


# Where documents come from


def test_standard_input_may_be_a_document(smolvlm, fake, scan, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(scan.read_bytes())))
    answer = smolvlm("describe", "-", "--pages", "4-", "--json")
    entries = json.loads(answer.out)
    assert [(entry["image"], entry["page"]) for entry in entries] == [("-", 4), ("-", 5)]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"text")))
    assert "standard input is not an image" in only_line(smolvlm("describe", "-").err)


def test_a_data_uri_may_be_a_document(plans, scan):
    uri = f"data:image/tiff;base64,{b64encode(scan.read_bytes()).decode()}"
    entries = plans(uri, "--pages", "3")
    assert widths(entries) == [60] and entries[0]["image"] == uri


@pdf_only
def test_an_encrypted_document_is_opened_with_the_password(smolvlm, fake, tmp_path, monkeypatch):
    monkeypatch.delenv("SMOLVLM_PDF_PASSWORD", raising=False)
    path = tmp_path / "secret.pdf"
    path.write_bytes(encrypted(b"open sesame"))
    for wrong in ([], ["--password", "sesame"]):
        answer = smolvlm("describe", path, *wrong)
        assert answer.code == 3 and fake == []
        assert "SMOLVLM_PDF_PASSWORD" in only_line(answer.err) and "--password" in answer.err
    assert smolvlm("describe", path, "--password", "open sesame").code == 0
    monkeypatch.setenv("SMOLVLM_PDF_PASSWORD", "open sesame")
    assert smolvlm("describe", path).code == 0


def test_without_pypdfium2_the_images_are_answered(picture):
    path = picture.with_name("page.pdf")
    path.write_bytes(document())
    picture.with_name("pypdfium2.py").write_text("raise ImportError")
    hide = f"sys.path.insert(0, {str(picture.parent)!r})\n"
    code, out, err = run("plan", path, picture, "--json", *EMBEDDED, before=hide)
    refused, planned = json.loads(out)
    assert code == 3 and "pip install 'smolvlm-tools[pdf]'" in only_line(err)
    assert refused["error"]["code"] == "backend_unavailable" and planned["tiles"] == 1


def test_a_file_that_is_neither_is_told_what_there_is(smolvlm, fake, tmp_path):
    (tmp_path / "letter.docx").write_text("no image")
    line = only_line(smolvlm("describe", tmp_path / "letter.docx").err)
    assert "PNG" in line and "TIFF" in line and "PDF" in line


def test_pages_are_rendered_as_they_are_reached(smolvlm, fake, scan, monkeypatch):
    """No more encoded pages wait than may, however many the document has."""
    read, log = Pages.read, []
    monkeypatch.setattr(asking, "_BYTES_AT_ONCE", 0)
    monkeypatch.setattr(Pages, "read", lambda *a: log.append("read") or read(*a))
    entry = asking._Loop._entry
    monkeypatch.setattr(asking._Loop, "_entry", lambda *a: log.append("shown") or entry(*a))
    assert smolvlm("describe", scan).code == 0
    waiting = [log[:at].count("read") - log[:at].count("shown") for at in range(len(log) + 1)]
    assert log.count("read") == log.count("shown") == 5 and max(waiting) <= 2


def test_an_image_needs_no_pages(smolvlm):
    told = json.loads(smolvlm("describe", SHAPES, "--pages", "1", "--json", *EMBEDDED).out)
    assert (told["page"], told["pages"]) == (1, 1)

"""A second reader beside the model, over HTTP: who can be, and what it finds."""

from __future__ import annotations

import base64

import pytest

from smolvlm_tools import find_checks
from smolvlm_tools.engine.crosscheck import installed
from smolvlm_tools.errors import BackendUnavailable
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT
from tests.support.serve_clients import get, post
from tests.support.serve_servers import served_here

TOTAL = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}
RECEIPT_DATA = f"data:image/png;base64,{base64.b64encode(RECEIPT.read_bytes()).decode()}"


def ask(url, **body):
    return post(url, "/v1/answer", {"image": RECEIPT_DATA, **body})


@ocr_only
def test_a_checked_transcription_has_the_boxes_that_python_has(url, vlm):
    reply = ask(url, task="transcribe", check="ocr").json()
    check = vlm.transcribe(RECEIPT, check="ocr").check
    assert reply["text"] == check.model_text
    assert reply["check"]["agreement"] == check.agreement == 1
    assert reply["check"]["words"] == [word.model_dump(mode="json") for word in check.words]
    assert [line["text"] for line in reply["check"]["lines"]] == reply["text"].split("\n")
    assert reply["logprobs"]["content"]


@ocr_only
@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"question": "What is the total?"}, ""),
        ({"question": "What is the total?", "answer_type": "number"}, ""),
        ({"task": "extract", "schema": TOTAL}, "/total"),
    ],
    ids=["text", "number", "extract"],
)
def test_a_checked_answer_tells_where_it_is_printed(url, asked, pointer):
    check = ask(url, check="ocr", **asked).json()["check"]
    of_coffee, of_total = (word["box"] for word in check["words"] if word["text"] == "7.50")
    assert check["evidence"][pointer]["text"] == "7.50"
    assert check["evidence"][pointer]["box"] == of_total != of_coffee


def test_an_answer_without_a_check_has_none(url):
    assert ask(url, question="What is the total?").json()["check"] is None
    assert ask(url, task="extract", schema=TOTAL).json()["value"] == {"total": 7.5}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"task": "ask"}, "question"),
        ({"task": "extract"}, "schema"),
        ({"task": "transcribe", "question": "What?"}, "question"),
        ({"task": "transcribe", "schema": TOTAL}, "schema"),
        ({"task": "extract", "schema": TOTAL, "choices": ["a", "b"]}, "choices"),
        ({"task": "read"}, "task"),
        ({"task": "transcribe", "check": "eyes"}, "check"),
    ],
)
def test_parts_of_another_task_are_refused_by_their_names(url, wrong, named):
    reply = ask(url, **wrong)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == named


def test_who_can_check_is_told_with_the_reason_where_one_cannot(url):
    told = get(url, "/v1/checks").json()["data"]
    for each, (name, error) in zip(told, find_checks().items(), strict=True):
        assert each["id"] == name
        assert each["available"] == (error is None) == (each["reason"] is None)


def test_a_check_that_is_not_installed_is_told_and_refused_with_its_remedy(vlm, monkeypatch):
    def missing():
        raise BackendUnavailable("comparing texts needs a library", "Run pip install.")

    monkeypatch.setattr(installed, "check_library", missing)
    monkeypatch.setattr("smolvlm_tools.engine.crosscheck.checking.check_library", missing)
    with served_here(vlm) as url:
        told = get(url, "/v1/checks").json()["data"]
        assert {each["available"] for each in told} == {False}
        assert "pip install" in told[0]["reason"]
        reply = ask(url, task="transcribe", check="ocr")
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == BackendUnavailable.code

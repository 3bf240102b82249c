"""The second reader in tools: what it finds comes with the result, as the core has it."""

from __future__ import annotations

import json
import sys

import anyio
import pytest
from jsonschema import Draft202012Validator

from smolvlm_tools import BackendUnavailable, BadOptions, PathNotAllowed
from smolvlm_tools.tools import TOOLS, Toolbox, agent_policy, for_agent
from smolvlm_tools.types import Check
from tests.support.ocr import ocr_only, written
from tests.support.paths import RECEIPT

RECEIPT_TEXT = {"image": str(RECEIPT), "check": "ocr"}
TOTAL = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}


@pytest.fixture
def toolbox(vlm):
    return Toolbox(vlm, policy=agent_policy([RECEIPT.parent]))


def fits(name, output):
    Draft202012Validator(TOOLS[name].output_schema()).validate(output)
    return output


@ocr_only
@pytest.mark.parametrize("source", ["model", "ocr", "best"])
def test_a_transcription_has_the_check_of_the_core(toolbox, vlm, source):
    output = toolbox.call("transcribe_image", {**RECEIPT_TEXT, "source": source})
    core = vlm.transcribe(RECEIPT, check="ocr", source=source)
    assert (output.check.words, output.text) == (core.check.words, core.text)
    dumped = fits("transcribe_image", output.model_dump(mode="json"))
    assert dumped["check"].keys() == core.check.model_dump(mode="json").keys()
    assert Check.model_validate(dumped["check"]) == output.check
    assert dumped["text_source"] == core.text_source
    awaited = anyio.run(toolbox.acall, "transcribe_image", {**RECEIPT_TEXT, "source": source})
    assert awaited.check.words == core.check.words


@ocr_only
def test_answers_say_where_they_are_printed(toolbox):
    asked = {"question": "What is the total?", "answer_type": "number"}
    answer = toolbox.call("answer_question", {**RECEIPT_TEXT, **asked})
    filled = toolbox.call("extract_fields", {**RECEIPT_TEXT, "schema": TOTAL})
    assert set(answer.check.evidence) == {""} and set(filled.check.evidence) == {"/total"}
    assert answer.check.evidence[""].box == filled.check.evidence["/total"].box
    fits("answer_question", answer.model_dump(mode="json"))
    fits("extract_fields", filled.model_dump(mode="json"))


def test_without_a_check_a_result_has_none(toolbox):
    assert "check" not in toolbox.call("transcribe_image", {"image": str(RECEIPT)}).model_dump()


@ocr_only
def test_a_model_gets_a_short_check_whole_and_a_long_one_without_boxes(toolbox, tmp_path):
    output = toolbox.call("transcribe_image", RECEIPT_TEXT)
    assert for_agent(output) == output.model_dump(mode="json")
    page, boxes = written(*["one two three four five six seven eight nine ten"] * 6)
    page.save(tmp_path / "page.png")
    arguments = {"image": str(tmp_path / "page.png"), "check": "ocr", "max_new_tokens": 40}
    long = Toolbox(toolbox.loaded, policy=agent_policy([tmp_path])).call(
        "transcribe_image", arguments
    )
    assert len(long.check.words) == len(boxes) == 60
    short = fits("transcribe_image", for_agent(long))["check"]
    whole = long.check.model_dump(mode="json")
    assert short["words"] == [] and all(line["words"] == [] for line in short["lines"])
    assert short["missing"] == whole["missing"][:50]
    assert short["left_out"].startswith("60 words with their boxes")
    assert short["ocr_text"] == whole["ocr_text"]
    assert len(json.dumps(short)) < len(json.dumps(whole)) / 2


@pytest.mark.parametrize("name", ["transcribe_image", "answer_question", "extract_fields"])
def test_a_missing_reader_says_what_to_install(toolbox, monkeypatch, name):
    more = {"answer_question": {"question": "What?"}, "extract_fields": {"schema": TOTAL}}
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[ocr\]"):
        toolbox.call(name, {**RECEIPT_TEXT, **more.get(name, {})})


def test_a_source_without_a_check_is_refused(toolbox):
    with pytest.raises(BadOptions, match=r'`source="best"` needs a check'):
        toolbox.call("transcribe_image", {"image": str(RECEIPT), "source": "best"})


def test_a_check_reads_no_file_that_the_policy_forbids(vlm, tmp_path):
    with pytest.raises(PathNotAllowed):
        Toolbox(vlm, policy=agent_policy([tmp_path])).call("transcribe_image", RECEIPT_TEXT)

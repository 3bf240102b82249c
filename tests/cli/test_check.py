"""--check: a second reader beside the model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.support.ocr import ocr_only, written
from tests.support.paths import RECEIPT

EMBEDDED = ("--model", "embedded")


@pytest.fixture
def page(tmp_path):
    """Print that the embedded model reads in part."""
    path = tmp_path / "page.png"
    written("The quick brown fox", "jumps over the dog")[0].save(path)
    return path


@ocr_only
def test_the_agreement_stands_beside_the_answer(smolvlm):
    answer = smolvlm("transcribe", RECEIPT, "--check", "ocr", *EMBEDDED)
    assert answer.out.startswith("CORNER CAFE\n")
    assert "100% of the text was recognised alike by rapidocr" in answer.err


@ocr_only
@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_what_differs_is_shown_and_the_best_text_printed(smolvlm, page, stream):
    answer = smolvlm("transcribe", page, "--check", "ocr", "--source", "best", stream, *EMBEDDED)
    assert answer.out == "The quick brown fox\njumps over the dog\n"
    assert "(recognised: " in answer.err and "left out: " in answer.err


@ocr_only
def test_json_has_all_of_it(smolvlm, page):
    answer = smolvlm("transcribe", page, "--check", "ocr", "--json", *EMBEDDED)
    result = json.loads(answer.out)
    check = result["check"]
    assert check["ocr_text"] == "The quick brown fox\njumps over the dog"
    assert set(check["words"][0]["box"]) == {"left", "top", "right", "bottom"}
    assert "missing_words" in result["flags"] and result["tokens"] is None


@ocr_only
def test_an_answer_comes_with_its_place(smolvlm, tmp_path):
    question = ("What is the total?", "--answer", "number", "--check", "ocr")
    answer = smolvlm("ask", RECEIPT, *question, *EMBEDDED)
    assert answer.out == "7.50\n" and "the answer is printed at (" in answer.err
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "properties": {"total": {"type": "number"}},
                                  "required": ["total"]}))  # fmt: skip
    answer = smolvlm("extract", RECEIPT, "--schema", schema, "--check", "ocr", "--json", *EMBEDDED)
    assert json.loads(answer.out)["check"]["evidence"]["/total"]["text"] == "7.50"


@ocr_only
def test_view_draws_the_boxes(smolvlm, page, tmp_path):
    plain, boxed = tmp_path / "plain.png", tmp_path / "boxed.png"
    assert smolvlm("view", page, "--out", plain, *EMBEDDED).code == 0
    assert smolvlm("view", page, "--out", boxed, "--check", "ocr", *EMBEDDED).code == 0
    one, other = (np.asarray(Image.open(path)).astype(int) for path in (plain, boxed))
    assert one.shape == other.shape
    reddened = (other[..., 0] - other[..., 1]) - (one[..., 0] - one[..., 1])
    assert (reddened > 50).sum() > 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["transcribe", RECEIPT, "--check", "eyes"], "--check eyes is unknown"),
        (["transcribe", RECEIPT, "--source", "best"], "Add --check ocr"),
        (["view", RECEIPT, "--check", "eyes"], "--check eyes is unknown"),
    ],
)
def test_options_that_make_no_sense_end_the_command_in_its_own_words(smolvlm, arguments, words):
    answer = smolvlm(*arguments, *EMBEDDED)
    assert answer.code == 2 and words in answer.err


def test_a_check_does_not_go_with_a_file_of_questions(smolvlm, tmp_path):
    questions = tmp_path / "questions.json"
    questions.write_text('{"a": "What?"}')
    answer = smolvlm("ask", RECEIPT, "--questions", questions, "--check", "ocr", *EMBEDDED)
    assert answer.code == 2 and "--check does not go with --questions" in answer.err

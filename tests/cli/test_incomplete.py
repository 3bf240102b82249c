"""An answer that is cut, unsure or not valid: one line on stderr and an exit code of its own."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools.cli.process import INCOMPLETE
from smolvlm_tools.cli.run import run
from tests.support.cli import only_line, place_and_result
from tests.support.paths import RECEIPT, SHAPES

FIELDS = {
    "vendor": {"type": ["string", "null"]},
    "total": {"type": "number"},
    "note": {"type": ["string", "null"]},
}
CUT = ("--max-new-tokens", "18")
UNSURE = ("--min-confidence", "1")


@pytest.fixture
def extract(smolvlm, tmp_path):
    """Run `extract` about the receipt, or about the images given."""
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"properties": FIELDS, "required": list(FIELDS)}))

    def call(*options, images=(RECEIPT,)):
        given = ("extract", *images, "--schema", schema, "--model", "embedded", *options)
        return smolvlm(*given)

    return call


@pytest.mark.parametrize(
    ("options", "remedy"), [(CUT, "--max-new-tokens"), (UNSURE, "--min-confidence")]
)
def test_no_value_is_one_line_and_exit_code_6(extract, options, remedy):
    answer = extract(*options)
    assert (answer.code, answer.out) == (INCOMPLETE, "") == (6, "")
    (line,) = (line for line in answer.err.splitlines() if "error: " in line)
    assert remedy in line and "note: " not in answer.err
    told = extract(*options, "--json")
    _, result = place_and_result(json.loads(told.out))
    assert told.code == 6 and result.abstained and result.text and result.value is None
    assert only_line(told.err) == line


def test_free_text_and_a_typed_answer_that_are_unsure_exit_with_6_too(smolvlm):
    for more in ((), ("--answer", "date")):
        asked = ("ask", RECEIPT, "When?", *more, *UNSURE, "--model", "embedded")
        answer = smolvlm(*asked)
        assert (answer.code, answer.out) == (6, "")
        assert "error: the answer is withheld" in answer.err
    assert smolvlm("describe", RECEIPT, *UNSURE, "--model", "embedded").code == 6


def test_the_caller_may_want_no_value_to_be_a_success(extract):
    answer = extract(*CUT, "--on-incomplete", "abstain")
    assert (answer.code, answer.out) == (0, "\n")
    assert "note: the answer is cut" in answer.err and "error" not in answer.err


def test_a_completed_answer_is_printed_with_a_warning(extract):
    answer = extract(*CUT, "--on-incomplete", "complete")
    assert answer.code == 0 and set(json.loads(answer.out)) == set(FIELDS)
    assert "the model did not write it" in answer.err
    assert extract(*UNSURE, "--on-incomplete", "complete").code == 6


def test_the_other_images_are_answered_and_a_broken_one_is_worse(extract, tmp_path):
    both = extract(*CUT, images=(RECEIPT, RECEIPT))
    assert (both.code, both.out) == (6, f"{RECEIPT}:\n" * 2)
    assert both.err.count(f"error: {RECEIPT}: the answer is cut") == 2
    mixed = extract(*CUT, "--json", images=(RECEIPT, tmp_path / "missing.png"))
    cut, missing = json.loads(mixed.out)
    assert mixed.code == 3 and cut["incomplete"] == "cut" and "error" in missing


def test_each_unsure_answer_of_many_is_told_with_its_image(smolvlm):
    images = [SHAPES, RECEIPT, SHAPES]
    asked = ["ask", *images, "What is it?", "--model", "embedded", "--min-confidence", "1"]
    answer = smolvlm(*asked)
    assert (answer.code, answer.out) == (6, "".join(f"{image}:\n" for image in images))
    told = [line for line in answer.err.splitlines() if "the answer is withheld" in line]
    assert all(line.startswith(f"error: {at}: ") for line, at in zip(told, images, strict=True))
    found = smolvlm(*asked, "--json")
    assert found.code == 6
    assert [each["incomplete"] for each in json.loads(found.out)] == ["unsure"] * 3
    lines = smolvlm(*asked, "--jsonl", "--on-incomplete", "abstain")
    assert lines.code == 0 and lines.err.count("note: ") == 3
    assert [json.loads(line)["value"] for line in lines.out.splitlines()] == [None] * 3


def test_an_unsure_field_is_printed_as_null(extract):
    answer = extract("--min-field-confidence", "1")
    printed = json.loads(answer.out)
    assert answer.code == 0 and printed["vendor"] is None
    told = json.loads(extract("--min-field-confidence", "1", "--json").out)
    assert told["value"] == printed and json.loads(told["text"])["vendor"]


def test_words_are_not_streamed_where_they_may_be_withheld(extract, smolvlm, monkeypatch):
    from smolvlm_tools.cli.console import Answers

    monkeypatch.setattr(Answers, "is_terminal", property(lambda _: True))
    assert extract(*UNSURE).out == ""
    assert json.loads(extract("--min-field-confidence", "1").out)["vendor"] is None
    assert extract(*CUT).out.startswith('{"vendor": "C'), "words of a cut answer are only words"


def test_a_plugin_that_raises_for_an_incomplete_answer_ends_with_6(capsys):
    import typer

    from smolvlm_tools import IncompleteAnswer

    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise IncompleteAnswer("the answer is cut", "Ask for less.")

    assert run([], command=app) == 6
    assert only_line(capsys.readouterr().err) == "error: the answer is cut. Ask for less."

"""Typed answers on the command line."""

from __future__ import annotations

import json
import re

import pytest

from smolvlm_tools.cli.run import run
from smolvlm_tools.cli.showing import FIELDS_SHOWN

SHAPES = "examples/images/shapes.png"
EMBEDDED = ("--model", "embedded")
SCHEMA = "schema.json"


def answer(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run([*arguments, *EMBEDDED])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    return printed.out.strip()


def refusal(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run([*arguments, *EMBEDDED])
    printed = capfd.readouterr()
    assert code == 2 and not printed.out
    return printed.err.strip()


def test_an_answer_has_the_kind_that_was_asked_for(capfd):
    ask = ("ask", SHAPES)
    assert answer(capfd, *ask, "How many shapes are there?", "--answer", "integer") == "3"
    assert answer(capfd, *ask, "Is there a red circle?", "--answer", "yes-no") == "yes"
    assert float(answer(capfd, *ask, "How many shapes are there?", "--answer", "number")) == 3
    assert answer(capfd, *ask, "When?", "--answer", "date").count("-") == 2
    assert answer(capfd, *ask, "List.", "--answer", "list", "--max-new-tokens", "9")
    choice = (*ask, "What color is the circle?", "--choices", "green, red")
    assert answer(capfd, *choice) == "red"
    told = json.loads(answer(capfd, *choice, "--json"))
    assert set(told["probabilities"]) == {"green", "red"} and told["value"] == "red"


def test_extract_prints_json_that_fits_the_schema(capfd, tmp_path):
    schema = tmp_path / "schema.json"
    fields = {"color": {"enum": ["red", "blue"]}, "count": {"type": "integer", "maximum": 9}}
    schema.write_text(json.dumps({"type": "object", "properties": fields, "required": ["count"]}))
    printed = answer(capfd, "extract", SHAPES, "--schema", str(schema))
    assert isinstance(json.loads(printed)["count"], int)


def test_the_confidence_of_fields_is_told_beside_their_values(capfd, tmp_path):
    schema = tmp_path / "schema.json"
    for count in (2, FIELDS_SHOWN + 1):
        names = [f"field{number}" for number in range(count)]
        fields = {name: {"type": "boolean"} for name in names}
        schema.write_text(json.dumps({"properties": fields, "required": names}))
        assert run(["extract", SHAPES, "--schema", str(schema), *EMBEDDED]) == 0
        told = capfd.readouterr().err
        assert ("confidence of each field: /field0 " in told) == (count <= FIELDS_SHOWN)
        assert (f"least certain of {count} fields: " in told) == (count > FIELDS_SHOWN)
        assert len(re.findall(r"/field\d+ [01]\.\d\d", told)) == min(count, FIELDS_SHOWN)


def test_details_layouts_and_context_are_options(capfd):
    brief = answer(capfd, "describe", SHAPES, "--detail", "brief", "--context", "A toy.")
    assert brief.startswith("The image")
    short = ("--layout", "lines", "--max-new-tokens", "5", "--json")
    told = json.loads(answer(capfd, "transcribe", SHAPES, *short))
    assert told["value"] == told["text"].split("\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("ask", SHAPES, "Which?", "--answer", "colour"), "yes-no, integer, number, date, list"),
        (("ask", SHAPES, "Which?", "--answer", "date", "--choices", "a,b"), "exclude each other"),
        (("ask", SHAPES, "Which?", "--choices", "a,,b"), "cannot be a choice"),
        (("ask", SHAPES, "Which?", "--min-confidence", "2"), "from 0 to 1"),
        (("ask", SHAPES, "Which?", "--on-incomplete", "guess"), "abstain, raise, complete"),
        (("extract", SHAPES, "--schema", SCHEMA, "--min-field-confidence", "2"), "from 0 to 1"),
        (("ask", SHAPES, "Which?", "--min-confidence", "1", "--stream"), "withheld later"),
        (("describe", SHAPES, "--detail", "long"), "brief, normal, detailed"),
        (("transcribe", SHAPES, "--layout", "html"), "plain, lines, markdown"),
        (("extract", SHAPES, "--schema", "missing.json"), "cannot be read"),
        (("extract", SHAPES, "--schema", "README.md"), "is not JSON"),
    ],
)
def test_an_impossible_wish_is_refused_before_a_model_is_loaded(
    capfd, monkeypatch, tmp_path, arguments, reason
):
    from smolvlm_tools.cli.options import ModelChoice

    (tmp_path / SCHEMA).write_text("{}")
    arguments = [str(tmp_path / SCHEMA) if each is SCHEMA else each for each in arguments]
    monkeypatch.setattr(ModelChoice, "load", lambda _: pytest.fail("a model was loaded"))
    assert reason in refusal(capfd, *arguments)


def test_a_schema_that_cannot_be_enforced_names_its_keyword(capfd, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "array", "items": {"$ref": "other.json"}}')
    assert run(["extract", SHAPES, "--schema", str(schema), *EMBEDDED]) == 3
    assert "'$ref'" in capfd.readouterr().err.replace('"', "'")

"""The tools' schemas: locked by snapshots, valid, and plain enough for every client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import (
    booleans,
    dictionaries,
    fixed_dictionaries,
    floats,
    integers,
    lists,
    none,
    recursive,
    sampled_from,
    text,
)
from hypothesis_jsonschema import from_schema
from jsonschema import Draft202012Validator

from smolvlm_tools import BadArguments, BadOptions
from smolvlm_tools.tools import FORMATS, TOOLS, tool_schemas
from smolvlm_tools.tools.arguments import check_arguments
from smolvlm_tools.tools.tool import ModelTool
from tests.support.paths import ROOT

SNAPSHOT = Path(__file__).parent / "snapshots" / "tools.json"
EVERY_TOOL = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


def schemas_within(schema):
    """A schema and all schemas inside it."""
    yield schema
    for field in schema.get("properties", {}).values():
        yield from schemas_within(field)
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from schemas_within(schema[part])
    for branch in schema.get("anyOf", ()):
        yield from schemas_within(branch)


def test_the_schemas_that_agents_get_are_locked():
    now = json.dumps(tool_schemas("mcp"), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(now, encoding="utf-8")
    assert now == SNAPSHOT.read_text(encoding="utf-8"), (
        "the tools' schemas have changed: agents and saved prompts depend on them. If that is "
        "meant, run UPDATE_SNAPSHOTS=1 pytest tests/tools/test_schemas.py, review the diff of "
        "tests/tools/snapshots/tools.json and say so in CHANGELOG.md"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_locked_schemas_in_its_own_envelope(name):
    locked = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    expected = {
        "mcp": locked,
        "openai": [
            {
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "parameters": tool["inputSchema"],
                },
            }
            for tool in locked
        ],
        "anthropic": [
            {
                "name": tool["name"],
                "description": tool["description"],
                "input_schema": tool["inputSchema"],
            }
            for tool in locked
        ],
        "json-schema": {
            tool["name"]: {
                "input": {**draft, **tool["inputSchema"]},
                "output": {**draft, **tool["outputSchema"]},
            }
            for tool in locked
        },
    }
    assert json.dumps(tool_schemas(name)) == json.dumps(expected[name])


def test_an_unknown_format_is_refused_with_the_choices():
    with pytest.raises(BadOptions, match=r"'yaml'.*mcp, openai, anthropic, json-schema"):
        tool_schemas("yaml")


@EVERY_TOOL
def test_a_schema_is_valid_and_an_object_without_alternatives_at_its_top(tool):
    for schema in (tool.input_schema(), tool.output_schema()):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object" and schema["additionalProperties"] is False
        assert not {"oneOf", "anyOf", "allOf", "not", "$ref", "$defs"} & set(schema)


@EVERY_TOOL
def test_every_field_is_explained_and_nothing_is_a_reference_or_bears_a_title(tool):
    for schema in (tool.input_schema(), tool.output_schema()):
        for inner in schemas_within(schema):
            assert not {"$ref", "title"} & set(inner)
            for name, field in inner.get("properties", {}).items():
                assert len(field["description"]) > 10, name


@EVERY_TOOL
def test_no_argument_may_be_null_in_the_schema_because_it_may_be_left_out(tool):
    for inner in schemas_within(tool.input_schema()):
        assert inner.get("type") != "null"


@EVERY_TOOL
def test_arguments_have_the_agreed_names(tool):
    names = set(tool.input_schema()["properties"])
    assert names & {"image", "images"}
    agreed = {"image", "images", "question", "schema", "context", "detail", "layout", "task"}
    agreed |= {"pages", "answer_type", "choices", "levels", "max_new_tokens", "questions"}
    agreed |= {"check", "source", "frames", "start", "end"}
    assert names <= agreed | {"min_confidence", "min_field_confidence"}


@EVERY_TOOL
def test_a_tool_that_returns_words_of_the_model_says_they_are_untrusted(tool):
    if isinstance(tool, ModelTool):
        assert "untrusted" in tool.description
        origin = tool.output_schema()["properties"]["content_origin"]
        assert origin["const"] == "image" and "untrusted" in origin["description"]


def test_openai_and_anthropic_get_names_they_accept():
    for tool in tool_schemas("openai"):
        assert tool["type"] == "function"
        assert set(tool["function"]) == {"name", "description", "parameters"}
        assert len(tool["function"]["description"]) <= 1024
    for tool in tool_schemas("anthropic"):
        assert set(tool) == {"name", "description", "input_schema"}


def test_all_tools_together_leave_a_context_room():
    """About four characters a token: a host pays this in every conversation."""
    assert len(json.dumps(tool_schemas("openai"))) < 14_000


def test_the_documented_example_prints_what_the_document_says(embedded):
    root = ROOT
    text = (root / "docs" / "tools.md").read_text(encoding="utf-8")
    code, said = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL).groups()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == (said, 0), done.stderr


def test_the_document_names_every_tool_and_argument():
    text = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
    names = {name for tool in TOOLS.values() for name in tool.input_schema()["properties"]}
    assert {name for name in {*TOOLS, *names} if f"`{name}`" not in text} == set()


SCALARS = none() | booleans() | integers(-5, 5000) | floats(allow_nan=False) | text(max_size=5)
JSON = recursive(SCALARS, lambda inner: lists(inner) | dictionaries(text(), inner), max_leaves=5)
AGREE = settings(max_examples=40, derandomize=True, deadline=None, database=None)


def fitting(schema):
    """What a schema allows, simpler than `from_schema` has it for objects."""
    if schema.get("type") == "array" and schema["items"].get("type") == "object":
        return lists(fitting(schema["items"]), min_size=schema["minItems"], max_size=3)
    if schema.get("type") != "object":
        return from_schema(schema)
    if "properties" not in schema:
        return dictionaries(text(max_size=5), JSON, max_size=3)
    fields = {name: fitting(field) for name, field in schema["properties"].items()}
    needed = {name: fields.pop(name) for name in schema.get("required", ())}
    return fixed_dictionaries(needed, optional=fields)


@EVERY_TOOL
def test_the_schema_and_the_check_of_arguments_agree(tool):
    """But for rules between arguments, which no client's schema dialect can say."""
    schema = tool.input_schema()
    validator = Draft202012Validator(schema)
    between = re.compile(r"image or images|choices|levels|rating|is blank|same name|two or more")

    @AGREE
    @given(fitting(schema))
    def fits(arguments):
        assert validator.is_valid(arguments)
        try:
            check_arguments(tool, arguments)
        except BadArguments as error:
            assert between.search(error.reason), error.reason

    @AGREE
    @given(dictionaries(sampled_from([*schema["properties"], "other"]), JSON, max_size=4))
    def is_anything(arguments):
        try:
            check_arguments(tool, arguments)
        except BadArguments as error:
            assert len(str(error)) < 1000
        else:
            sent = {name: value for name, value in arguments.items() if value is not None}
            assert isinstance(sent.get("schema"), str) or validator.is_valid(sent)

    fits()
    is_anything()

"""JSON schemas as grammars: what they accept, what only the check of the value sees, what fails."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from smolvlm_tools import SchemaNotSupported
from smolvlm_tools.constraints import Grammar, json_schema
from smolvlm_tools.decoding.completion import shortest_completion
from tests.support.schema_walks import REAL, accepts, byte_walk, check_valid, real_schemas


def refusal(schema: Any) -> SchemaNotSupported:
    with pytest.raises(SchemaNotSupported) as caught:
        json_schema(schema)
    assert caught.value.reason and caught.value.remedy and caught.value.keyword
    return caught.value


def takes(grammar: Grammar, text: str) -> bool:
    """Whether a text is one of the grammar, and passes the check."""
    if not accepts(grammar.lark, f" {text}"):
        return False
    grammar.parse(text)
    return True


ROW = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
TREE = {
    "$defs": {
        "n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]},
        "m": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/m"}}]},
    }
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (ROW, ['{"a": 1, "b": "x"}', '{"b": "x"}', "{}"], ['{"b": "x", "a": 1}', '{"a":1}', "[]"]),
        (ROW, [], ['{"a": 1, "c": 2}', '{"a": 1, "a": 2}', '{"a": 1.0}', '{"a": 01}', ' {"a": 1}']),
        ({**ROW, "additionalProperties": True}, ['{"z": [1]}'], ['{"z": 1, "a": 1}']),
        ({**ROW, "required": ["b"]}, ['{"b": ""}'], ["{}", '{"a": 1}']),
        ({"type": "string"}, ['"é\\n\\t\\"\\\\/😀"'], ['"\\u0041"', '"\\r"', '"\u202e"', '"\x85"']),
        ({"type": "string", "maxLength": 2}, ['"😀é"', '"\\n\\n"'], ['"abc"']),
        ({"type": "string", "minLength": 2}, ['"😀é"'], ['"é"']),
        ({"type": "number"}, ["0", "-0.5", "9" * 15, "0.000001"],
         ["-0", "1e3", ".5", "NaN", "1.", "9" * 16, "0.0000001"]),
        ({"type": "integer", "maximum": 2**53 - 1}, [str(2**53 - 1)], [str(2**53)]),
        ({"type": "integer", "multipleOf": 7, "minimum": 0}, ["0", "7007"], ["-7", "8"]),
        ({"type": "number", "multipleOf": 0.1, "minimum": 0, "maximum": 1}, ["0.5"], ["0.55"]),
        ({"type": "integer", "format": "int32"}, ["-2147483648"], ["2147483648"]),
        ({"type": "string", "format": "date"}, ['"2024-02-29"'], ['"2023-02-29"', '"0000-01-01"']),
        (
            {"type": "string", "format": "date-time"},
            ['"2000-02-29T23:59:59Z"', '"2026-01-01T00:00:00.5+01:00"'],
            ['"1900-02-29T00:00:00Z"', '"2026-01-01T24:00:00Z"', '"2026-01-01T00:00:00"'],
        ),
        ({"enum": [1, "a", None, {"k": [1.5]}]}, ["1", '"a"', "null", '{"k": [1.5]}'], ["1.0"]),
        ({"enum": [1, 5, "a"], "minimum": 2}, ["5", '"a"'], ["1"]),
        ({"type": ["string", "null"], "maxLength": 1}, ['"a"', "null"], ['"ab"', "1"]),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, ["1", '"a"'], ["null"]),
        ({"allOf": [{"minimum": 3}, {"type": "integer", "maximum": 4}]}, ["3", "4"], ["2", "3.5"]),
        ({"prefixItems": [{"const": 1}, {"const": 2}], "items": False}, ["[1]"], ["[1, 2, 3]"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}],
          "additionalItems": {"const": 3}}, ["[1, 3, 3]"], ["[3]"]),
        ({"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 2}, ["[1]"], ["[]"]),
        ({"patternProperties": {"^s": {"const": 1}}}, ['{"s1": 1}', "{}"], ['{"t": 1}']),
        (
            {"properties": {"s1": {"const": 1}}, "patternProperties": {"^s": {"type": "integer"}}},
            ['{"s1": 1, "s2": 5}'],
            ['{"s1": 2}', '{"s2": 5, "s1": 1}', '{"s1": 1, "s1": 1}'],
        ),
        ({**TREE, "$ref": "#/$defs/m"}, ["null", "[[[null, []]]]"], ["[1]"]),
        ({"$defs": {"x": {"$anchor": "y", "const": 1}}, "$ref": "#y"}, ["1"], ["2"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"x": {"const": 1}},
          "$ref": "#/definitions/x", "const": 2}, ["1"], ["2"]),
        (True, ["null", '{"a": [true]}'], ["1e5", "9" * 16]),
        ({"title": "T", "default": 3, "x-mine": 1, "nullable": True, "const": 1}, ["1"], ["null"]),
        (
            {"properties": {"a": {"type": "null"}},
             "allOf": [{"required": ["a"]}, {"properties": {"b": {"const": 1}}}]},
            ['{"a": null, "b": 1}', '{"a": null}'],
            ['{"b": 1}', '{"a": null, "c": 1}'],
        ),
        (
            {"properties": {"k": {"enum": [1, 2]}}, "required": ["k"],
             "oneOf": [{"properties": {"k": {"const": 1}, "x": {"const": 1}}},
                       {"properties": {"k": {"const": 2}, "y": {"const": 1}}}]},
            ['{"k": 1, "x": 1}', '{"k": 2, "y": 1}'],
            ['{"k": 1, "y": 1}', '{"k": 1, "z": 1}'],
        ),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 1,
          "exclusiveMinimum": True}, ["2"], ["1"]),
        ({"type": "string", "format": "topic", "self": {"vendor": "x"}}, ['"a"'], ["1"]),
        ({"$schema": "iglu:com.acme/x(y)", "const": 1}, ["1"], ["2"]),
        ({"$defs": {"a/b~c é": {"const": 1}}, "$ref": "#/$defs/a~1b~0c%20%C3%A9"}, ["1"], ["2"]),
    ],
)  # fmt: skip
def test_a_schema_accepts_its_texts_and_no_others(schema, good, bad):
    grammar = json_schema(schema)
    for text in good:
        assert takes(grammar, text), text
        check_valid(schema, text)
    for text in bad:
        assert not accepts(grammar.lark, f" {text}"), text


@pytest.mark.parametrize(
    ("keyword", "schema", "good", "bad"),
    [
        ("not", {"type": "integer", "not": {"const": 3}}, "4", "3"),
        ("if", {"type": "integer", "if": {"minimum": 3}, "then": {"const": 9}}, "9", "4"),
        ("contains", {"type": "array", "contains": {"const": 1}}, "[1]", "[2]"),
        ("propertyNames", {"type": "object", "propertyNames": {"maxLength": 1}},
         '{"a": 1}', '{"ab": 1}'),
        ("dependentRequired", {"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
         '{"b": 1}', '{"a": 1}'),
        ("uniqueItems", {"items": {"type": "integer"}, "uniqueItems": True}, "[1, 2]", "[1, 1]"),
        ("format", {"type": "string", "format": "regex"}, '"a+"', '"(a"'),
        ("pattern", {"type": "string", "pattern": "^(?!a)"}, '"b"', '"a"'),
        ("oneOf", {"oneOf": [{"type": "integer"}, {"type": "number"}]}, "1.5", "1"),
        ("minProperties", {"properties": {"a": {}, "b": {}}, "minProperties": 1}, '{"b": 1}', "{}"),
        ("unevaluatedProperties", {"type": "object", "unevaluatedProperties": False},
         "{}", '{"a": 1}'),
    ],
)  # fmt: skip
def test_what_a_grammar_cannot_know_is_left_to_the_check_of_the_value(keyword, schema, good, bad):
    grammar = json_schema(schema)
    assert grammar.unenforced == {keyword}
    assert takes(grammar, good) and accepts(grammar.lark, f" {bad}")
    with pytest.raises(ValueError, match=r"\w"):
        grammar.parse(bad)


@pytest.mark.parametrize(
    ("schema", "text", "why"),
    [
        ({}, '{"a": 1, "a": 2}', "twice"),
        ({}, "1e999", "double"),
        ({}, "NaN", "NaN"),
        ({}, '["\\u202e"]', "control"),
        ({}, '{"\\u0007": 1}', "control"),
        ({"multipleOf": 0.01}, "4.35", "multiple"),  # 434.99999999999994 for who divides doubles
        ({"type": "integer"}, "1.5", "integer"),
        ({"format": "date"}, '"2023-02-29"', "date"),
        ({"pattern": "^(a+)+$"}, json.dumps("a" * 60 + "b"), "."),
    ],
)
def test_the_check_refuses_what_no_grammar_should_have_let_through(schema, text, why):
    with pytest.raises(ValueError, match=why):
        json_schema(schema).parse(text)


@pytest.mark.parametrize(
    ("keyword", "schema"),
    [
        ("pattern", {"pattern": "("}),
        ("$ref", {"$ref": "https://example.org/s.json"}),
        ("$ref", {"$ref": "file:///etc/passwd"}),
        ("$ref", {"$ref": "#/$defs/none"}),
        ("$ref", {"properties": {"a": {"$ref": "other.json#/x"}}}),
        ("maximum", {"$ref": "#/x", "x": {"type": "number", "maximum": "high"}}),
        ("required", {"$ref": "#/x", "x": {"required": [["a"]], "properties": {"a": {}}}}),
        ("multipleOf", {"type": "number", "multipleOf": 0}),
        ("patternProperties", {"patternProperties": {"a": {}, "b": {}}}),
        ("type", {"type": "int"}),
        ("required", {"required": "a"}),
        ("minLength", {"minLength": 10**6}),
        ("minItems", {"minItems": 10**9}),
        ("minimum", {"minimum": 10**20}),
        ("enum", {"enum": "abc"}),
        ("enum", {"enum": ["a\u202e"]}),
        ("x", {"properties": {"x": 3}}),
        ("schema", {"const": float("nan")}),
        ("schema", {"const": 10**5000}),
        ("schema", {"const": "\ud800"}),
        ("schema", {"const": {1, 2}}),
    ],
)
def test_what_cannot_be_compiled_is_refused_by_keyword(keyword, schema):
    assert refusal(schema).keyword == keyword


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "pattern": "^a{3}$", "maxLength": 2},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"type": "array", "items": False, "minItems": 1},
        {"enum": []},
        {"const": "no date", "format": "date"},
        {**TREE, "$ref": "#/$defs/n"},
    ],
)
def test_a_schema_that_no_value_satisfies_is_refused(schema):
    assert "no value" in refusal(schema).reason


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema, "minItems": 1}
    return schema


def _chain(length: int) -> dict[str, Any]:
    steps = {f"d{i}": {"properties": {"x": {"$ref": f"#/$defs/d{i + 1}"}}} for i in range(length)}
    return {"$defs": {**steps, f"d{length}": {}}, "$ref": "#/$defs/d0"}


def _references(length: int) -> dict[str, Any]:
    steps = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(length)}
    return {"$defs": {**steps, f"d{length}": {}}, "$ref": "#/$defs/d0"}


BRANCHES = [{"type": "object", "properties": {f"p{i}": {}, "q": {"const": i}}} for i in range(40)]


@pytest.mark.parametrize(
    "schema",
    [
        _nested(60),
        _nested(900),
        _chain(300),
        _references(400),
        {"$ref": "#"},
        {"enum": list(range(30_000))},
        {"enum": list(range(6000))},
        {"enum": ["x" * 5000]},
        {"allOf": [{"anyOf": BRANCHES}, {"anyOf": BRANCHES}]},
        {"pattern": "((a{99}){99}){99}"},
        {"pattern": "(" * 2000 + "a" + ")" * 2000},
        {"pattern": "a" * 50_000},
        {"properties": {f"p{i}": {} for i in range(900)}, "minProperties": 500},
        {"minItems": 10**9},
        {
            "items": {"items": {"minItems": 900, "items": {"minLength": 9}}},
            "minItems": 900,
            "allOf": [{"items": {"minItems": 900}}],
        },
        {"pattern": "^.{0,900}a.{900}$"},
        {"pattern": "^(a|aa|aaa)*b{500}(.*x.*y.*z){20}$"},
        {"properties": {f"p{i}": {"pattern": f"^a{i}$"} for i in range(300)}},
        {"patternProperties": {f"^{c}{d}": {} for c in "abcde" for d in "abcde"}},
    ],
)
def test_hostile_schemas_are_compiled_or_refused_with_a_typed_error(schema):
    try:
        grammar = json_schema(schema)
    except SchemaNotSupported as error:
        assert error.reason and error.remedy and error.keyword
    else:
        shortest_completion(grammar, b" ")


def test_anything_but_plain_json_is_no_schema():
    for schema in (3, None, "string", [True], object()):
        assert refusal(schema).keyword == "schema"


@pytest.mark.parametrize(
    "schema",
    [
        _nested(20),
        {"type": "string", "maxLength": 10**9},
        {"type": "string", "minLength": 512},
        {"type": "array", "items": {"type": "string"}, "maxItems": 10**9},
        {"enum": [f"word {i}" for i in range(2000)]},
        {"pattern": "^(a|b|ab)*c{20}[^d]*d{3}"},
        {"properties": {f"p{i}": {"type": "string"} for i in range(300)}, "required": ["p7"]},
    ],
)
def test_large_schemas_that_can_be_enforced_are(schema):
    grammar = json_schema(schema)
    cut = byte_walk(grammar.lark, random.Random(3), 30)
    ending = shortest_completion(grammar, cut)
    assert ending is not None
    check_valid(schema, (cut + ending).decode())


def test_real_schemas_are_accepted_and_what_a_walk_makes_of_them_validates():
    assert real_schemas()
    accepted: dict[str, list[bool]] = {}
    for path in sorted(REAL.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            schema = json.loads(line)
            try:
                grammar = json_schema(schema)
            except SchemaNotSupported:
                accepted.setdefault(path.stem, []).append(False)
                continue
            accepted.setdefault(path.stem, []).append(True)
            if number % 6 == 0 and not grammar.unenforced:
                source = random.Random(number)
                cut = byte_walk(grammar.lark, source, source.choice([0, 30, 100, 300]))
                ending = shortest_completion(grammar, cut)
                if ending is not None:
                    grammar.parse((cut + ending).decode().strip())
    shares = {name: sum(each) / len(each) for name, each in accepted.items()}
    assert all(shares[name] >= 0.95 for name in ("Kubernetes", "Snowplow", "Glaiveai2K"))
    assert sum(shares.values()) / len(shares) >= 0.8

"""JSON schemas as grammars: what is accepted validates, what cannot be enforced is refused."""

from __future__ import annotations

import json
import random
import re
from fractions import Fraction
from typing import Any

import pytest

from smolvlm_tools import SchemaNotSupported
from smolvlm_tools.constraints.completion import shortest_completion
from smolvlm_tools.constraints.schema import compile_json_schema
from smolvlm_tools.constraints.schema.patterns import PatternError, pattern_regex
from smolvlm_tools.constraints.schema.text import decimal_terminal, integer_terminal
from tests.support.schema_walks import accepts, byte_walk, check_valid


def refusal(schema: Any) -> SchemaNotSupported:
    with pytest.raises(SchemaNotSupported) as caught:
        compile_json_schema(schema)
    assert caught.value.reason and caught.value.remedy and caught.value.keyword
    return caught.value


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
        ({**ROW, "minProperties": 2}, ['{"a": 1, "b": ""}'], ['{"a": 1}']),
        ({**ROW, "maxProperties": 1}, ['{"b": ""}', "{}"], ['{"a": 1, "b": ""}']),
        ({"type": "string"}, ['"é\\n\\t\\"\\\\/😀"'], ['"\\u0041"', '"\\r"', '"\u202e"', '"\x85"']),
        ({"type": "string", "maxLength": 2}, ['"😀é"', '"\\n\\n"'], ['"abc"']),
        ({"type": "string", "minLength": 2}, ['"😀é"'], ['"é"']),
        ({"type": "number"}, ["0", "-0.5", "9007199254740991"], ["-0", "1e3", ".5", "NaN", "1."]),
        ({"type": "integer", "minimum": 10**20}, ["1" + "0" * 20], ["9" * 20, "9" * 60]),
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
        ({"const": "a\u202e"}, ['"a\\u202e"'], ['"a\u202e"']),
        ({"type": ["string", "null"], "maxLength": 1}, ['"a"', "null"], ['"ab"', "1"]),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, ["1", '"a"'], ["null"]),
        ({"allOf": [{"minimum": 3}, {"type": "integer", "maximum": 4}]}, ["3", "4"], ["2", "3.5"]),
        ({"items": {"enum": [1, 2, 1.0]}, "uniqueItems": True}, ["[]", "[1, 2]"], ["[1, 1]"]),
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
        ({**TREE, "$ref": "#/$defs/m"}, ["null", "[[[null, []]]]"], ["[1]", "[" * 40 + "]" * 40]),
        ({"$defs": {"x": {"$anchor": "y", "const": 1}}, "$ref": "#y"}, ["1"], ["2"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"x": {"const": 1}},
          "$ref": "#/definitions/x", "const": 2}, ["1"], ["2"]),
        (True, ["null", '{"a": [true]}'], ["1e5"]),
        ({"title": "T", "default": 3, "x-mine": 1, "nullable": True, "const": 1}, ["1"], ["null"]),
        ({"$defs": {"a/b~c é": {"const": 1}}, "$ref": "#/$defs/a~1b~0c%20%C3%A9"}, ["1"], ["2"]),
    ],
)  # fmt: skip
def test_a_schema_accepts_its_texts_and_no_others(schema, good, bad):
    grammar = compile_json_schema(schema)
    for text in good:
        assert accepts(grammar, text), text
        check_valid(schema, text)
    for text in bad:
        assert not accepts(grammar, text), text


@pytest.mark.parametrize(
    ("keyword", "schema"),
    [
        ("not", {"not": {}}),
        ("if", {"if": {}}),
        ("contains", {"contains": {}}),
        ("propertyNames", {"propertyNames": {}}),
        ("dependentRequired", {"dependentRequired": {}}),
        ("unevaluatedItems", {"unevaluatedItems": False}),
        ("minlength", {"type": "string", "minlength": 3}),
        ("uniqueItems", {"type": "array", "uniqueItems": True}),
        ("format", {"format": "isbn"}),
        ("pattern", {"pattern": "a(?=b)"}),
        ("pattern", {"pattern": r"(a)\1"}),
        ("pattern", {"pattern": "(?i)a"}),
        ("pattern", {"pattern": "("}),
        ("$ref", {"$ref": "https://example.org/s.json"}),
        ("$ref", {"$ref": "#/$defs/none"}),
        ("$ref", {"$ref": "#"}),
        ("oneOf", {"oneOf": [{"type": "integer"}, {"type": "number"}]}),
        ("oneOf", {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        ("multipleOf", {"type": "number", "multipleOf": 0.01}),
        ("multipleOf", {"type": "number", "multipleOf": 0}),
        ("patternProperties", {"patternProperties": {"a": {}, "b": {}}}),
        ("minProperties", {"additionalProperties": {}, "minProperties": 2}),
        ("type", {"type": "int"}),
        ("required", {"required": "a"}),
        ("exclusiveMinimum", {"minimum": 3, "exclusiveMinimum": True}),
        ("minLength", {"minLength": 10**6}),
        ("enum", {"enum": "abc"}),
        ("$id", {"properties": {"x": {"$id": "https://example.org/x"}}}),
        ("schema", {"properties": {"x": 3}}),
        ("schema", {"const": float("nan")}),
        ("schema", {"const": 10**5000}),
        ("schema", {"const": "\ud800"}),
        ("schema", {"const": {1, 2}}),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_keyword_and_place(keyword, schema):
    nested = {"type": "object", "properties": {"a/b": {"anyOf": [{"type": "null"}, schema]}}}
    assert refusal(schema).keyword == keyword
    if keyword != "$ref" and keyword != "schema":
        error = refusal(nested)
        assert error.keyword == keyword and "#/properties/a~1b/anyOf/1" in error.reason


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
    assert "no value satisfies" in refusal(schema).reason


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
def test_hostile_schemas_are_refused_with_a_typed_error(schema):
    refusal(schema)


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
    grammar = compile_json_schema(schema)
    cut = byte_walk(grammar, random.Random(3), 30)
    check_valid(schema, (cut + shortest_completion(grammar, cut)).decode())


def _decimal(value: Fraction) -> str:
    whole, part = divmod(abs(round(value * 10**6)), 10**6)
    places = f".{part:06d}".rstrip("0") if part else ""
    return ("-" if value < 0 else "") + f"{whole}{places}"


def test_numbers_are_accepted_exactly_up_to_their_bounds():
    source = random.Random(5)

    def draw() -> Fraction:
        scale = source.choice([1, 1, 10, 100, 10**5])
        return Fraction(source.randint(-(10 ** source.randint(1, 8)), 10**6), scale)

    for _ in range(80):
        low, high = sorted((draw(), draw()))
        opens = source.random() < 0.4, source.random() < 0.4
        decimal, whole = decimal_terminal(low, high, *opens), integer_terminal(low, high)
        for _ in range(12):
            near = source.choice([low, high, Fraction(0), (low + high) / 2])
            value = Fraction(round((near + Fraction(source.randint(-3, 3), 100)) * 10**6), 10**6)
            fits = (value > low or (value == low and not opens[0])) and (
                value < high or (value == high and not opens[1])
            )
            text = _decimal(value)
            assert fits == (decimal is not None and accepts(f"start: X\nX: {decimal}\n", text))
            if value.denominator == 1:
                inside = whole is not None and accepts(f"start: X\nX: {whole}\n", text)
                assert inside == (low <= value <= high)


@pytest.mark.parametrize(
    "pattern",
    ["foo", r"^\d{3}$", "^(a|b)$", "(^a|b$)", "^$", "", "a.c", r"[^\d\s]x", r"\D\W\S", r'^["\\]+$',
     r"^\/x\-$", r"^\u00e9[\u4e00-\u9fff]$", "^[^a-z]{3}$", "^(?:a|bc)*d{2,3}?$", "^[\\w.-]+$",
     "^\t\\n$", r"(?P<year>\d{4})-(?<month>\d\d)", r"^[^\w]$", r"^[^\D]\x41", "x|^y|z$"],
)  # fmt: skip
def test_a_pattern_is_found_in_every_text_that_it_allows(pattern):
    grammar = f'start: X\nX: /"{pattern_regex(pattern)}"/\n'
    searched = pattern.replace("(?<", "(?P<")
    for seed in range(6):
        cut = byte_walk(grammar, random.Random(seed), 12)
        value = json.loads(cut + shortest_completion(grammar, cut))
        assert re.search(searched, value), value


@pytest.mark.parametrize("pattern", [r"\bfoo", r"\p{L}", "a**", "^a^b", "a{2}{3}", "[", "a)", "{"])
def test_a_pattern_on_which_dialects_differ_is_refused(pattern):
    with pytest.raises(PatternError):
        pattern_regex(pattern)

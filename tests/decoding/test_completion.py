"""A text that is cut is completed, and by as few bytes as can be."""

from __future__ import annotations

import random
from itertools import product

import pytest

from smolvlm_tools.constraints import Grammar, date, json_schema, lines, number, regex
from smolvlm_tools.constraints.byte_matcher import byte_matcher
from smolvlm_tools.decoding.completion import shortest_completion
from smolvlm_tools.decoding.endings import shortest_member
from tests.support.schema_walks import accepts, byte_walk, check_valid

SMALL = [
    regex("(x[ab]{3}c?|y[ab])"),
    regex("a{2,4}|abc|aab"),
    regex("[a-c]*abcab[a-c]*"),
    json_schema({"enum": ["aa", "ab", "b", 1, [1, 2], {"a": 1}]}),
    json_schema({"type": "array", "items": {"enum": [10, 2]}, "minItems": 2}),
    json_schema({"type": "integer", "multipleOf": 37, "minimum": 1}),
    json_schema({"type": "array", "items": {"pattern": "^x*yz$", "maxLength": 4}, "minItems": 1}),
    json_schema({"properties": {"a": {"const": 1}, "b": {"enum": [22, 3]}}, "required": ["b"]}),
]


def _shortest_by_trying(grammar: Grammar, cut: bytes) -> int:
    matchers = [byte_matcher(grammar.lark)]
    matchers[0].consume_tokens(list(cut))
    for length in range(12):
        if any(matcher.is_accepting() for matcher in matchers):
            return length
        after = []
        for matcher, byte in product(matchers, range(256)):
            if int.from_bytes(matcher.compute_bitmask(), "little") >> byte & 1:
                copy = matcher.deep_copy()
                copy.consume_token(byte)
                after.append(copy)
        matchers = after
    raise AssertionError("no end within 11 bytes")


@pytest.mark.parametrize("grammar", SMALL)
def test_a_completion_is_the_shortest_there_is(grammar):
    for seed in range(12):
        cut = byte_walk(grammar.lark, random.Random(seed), seed)
        ending = shortest_completion(grammar, cut)
        assert ending is not None and accepts(grammar.lark, (cut + ending).decode())
        assert len(ending) == _shortest_by_trying(grammar, cut)


KINDS = [date(), lines(), number(), regex(r"[A-Z]{2}\d{4}(\.\d)?"), regex("[a-zé]*(foo|bär)x")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_answer_is_completed_wherever_it_is_cut(kind: Grammar):
    for seed in range(12):
        cut = byte_walk(kind.lark, random.Random(seed), seed)
        ending = shortest_completion(kind, cut)
        assert ending is not None
        assert accepts(kind.lark, (cut + ending).decode())
        kind.parse((cut + ending).decode()[1:])


@pytest.mark.parametrize(
    ("cut", "ending"),
    [
        ('{"n": "', '"}'),
        ('{"n": "\\', '."}'),
        ('{"n": "a\\\\', '"}'),
        ('{"', 'n": ""}'),
        ('{"n": "", "é": ', "0}"),
        ('{"n": "", "é": -', "1}"),
        ('{"n": "", "é": 1', "}"),
        ('{"n": "", "é": 1.', "0}"),
        ('{"n": ""}', ""),
        ("", '{"n": ""}'),
    ],
)
def test_a_document_is_closed_from_inside_of_anything(cut, ending):
    schema = {
        "properties": {"n": {"type": "string"}, "é": {"type": "number"}},
        "required": ["n"],
    }
    found = shortest_completion(json_schema(schema), f" {cut}".encode())
    assert found is not None and len(found.decode()) == len(ending)
    check_valid(schema, cut + found.decode())


def test_a_character_that_is_cut_is_ended_first():
    grammar = json_schema({"type": "string"})
    whole = ' "€😀'.encode()
    for length in range(1, len(whole)):
        ending = shortest_completion(grammar, whole[:length])
        assert ending is not None and accepts(grammar.lark, (whole[:length] + ending).decode())


def test_what_begins_no_text_of_the_grammar_cannot_be_completed():
    assert shortest_completion(json_schema({"type": "integer"}), b" x") is None
    assert shortest_completion(regex("a+"), b" x") is None


def test_a_document_without_a_finite_text_has_no_end():
    within = {"k": {"type": "boolean"}, "n": {"$ref": "#/$defs/n"}}
    node = {"properties": within, "required": ["k", "n"]}
    endless = json_schema({"$defs": {"n": node}, "$ref": "#/$defs/n"})
    assert shortest_completion(endless, b" ") is None


def test_an_expression_without_members_has_no_shortest_one():
    assert shortest_member("/a+/ & /b+/") is None
    assert shortest_member("/a{3}/", b"b") is None
    assert shortest_member("/.*foo/", b"xf") == b"oo"

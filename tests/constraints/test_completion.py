"""A text that is cut is completed, and by as few bytes as can be."""

from __future__ import annotations

import random
from itertools import product

import pytest

from smolvlm_tools import SchemaNotSupported
from smolvlm_tools.constraints import Grammar, date, lines, number, regex
from smolvlm_tools.constraints.byte_matcher import byte_matcher
from smolvlm_tools.constraints.completion import shortest_completion
from smolvlm_tools.constraints.expressions import shortest_member
from smolvlm_tools.constraints.schema import compile_json_schema
from tests.support.schema_walks import accepts, byte_walk, check_valid

SMALL = [
    "start: /(x[ab]{3}c?|y[ab])/\n",
    'start: " " value\nvalue: A | B\nA: /a{2,4}/\nB: "abc" | "aab"\n',
    "start: X\nX: /[ab]*/ & /(?:..)*/ & /(?:...)*/ & /.{1,}/\n",
    'start: "[" (item (", " item){0,2} | "") "]"\nitem: "1" | "22"\n',
    "start: /[a-c]*abcab[a-c]*/\n",
    compile_json_schema({"enum": ["aa", "ab", "b", 1, [1, 2], {"a": 1}]}),
    compile_json_schema({"type": "array", "items": {"enum": [10, 2]}, "minItems": 2}),
    compile_json_schema({"type": "integer", "multipleOf": 37, "minimum": 1}),
]


def _shortest_by_trying(grammar: str, cut: bytes) -> int:
    matchers = [byte_matcher(grammar)]
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
        cut = byte_walk(grammar, random.Random(seed), seed)
        ending = shortest_completion(grammar, cut)
        assert accepts(grammar, (cut + ending).decode())
        assert len(ending) == _shortest_by_trying(grammar, cut)


KINDS = [date(), lines(), number(), regex(r"[A-Z]{2}\d{4}(\.\d)?"), regex("[a-zé]*(foo|bär)x")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_answer_is_completed_wherever_it_is_cut(kind: Grammar):
    for seed in range(12):
        cut = byte_walk(kind.lark, random.Random(seed), seed)
        ending = shortest_completion(kind.lark, cut)
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
    found = shortest_completion(compile_json_schema(schema), cut.encode()).decode()
    assert len(found) == len(ending)
    check_valid(schema, cut + found)


def test_a_character_that_is_cut_is_ended_first():
    grammar = compile_json_schema({"type": "string"})
    whole = '"€😀'.encode()
    for length in range(1, len(whole)):
        ending = shortest_completion(grammar, whole[:length])
        assert accepts(grammar, (whole[:length] + ending).decode())


def test_what_begins_no_text_of_the_grammar_cannot_be_completed():
    with pytest.raises(SchemaNotSupported, match="begins no text"):
        shortest_completion(compile_json_schema({"type": "integer"}), b"x")


def test_an_expression_without_members_has_no_shortest_one():
    assert shortest_member("/a+/ & /b+/") is None
    assert shortest_member("/a{3}/", b"b") is None
    assert shortest_member("/.*foo/", b"xf") == b"oo"

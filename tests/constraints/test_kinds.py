"""What an answer may be: the constraints by themselves, and the Python types they come from."""

from __future__ import annotations

import datetime
import enum
import re
from typing import Literal, Optional

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from smolvlm_tools import BadOptions, BadPrompt, SchemaNotSupported, open_checkpoint
from smolvlm_tools.constraints import (
    Choice,
    Grammar,
    choices,
    date,
    integer,
    json_schema,
    lines,
    number,
    regex,
    yes_no,
)
from smolvlm_tools.constraints.answers import parse_answer
from smolvlm_tools.constraints.compiler import ConstraintCompiler
from smolvlm_tools.decoding.fields import Piece, field_confidence


class Point(BaseModel):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"
    SKY = "light blue"


class Box(TypedDict):
    width: int


@pytest.fixture(scope="module")
def compiler(embedded: str) -> ConstraintCompiler:
    checkpoint = open_checkpoint(embedded)
    text = checkpoint.config.text
    return ConstraintCompiler(checkpoint.tokenizer(), text.vocab_size, [473])


def accepts(compiler: ConstraintCompiler, grammar: Grammar, text: str) -> bool:
    """Whether the grammar takes a reply of `text`, and could end there."""
    state = compiler.compile(grammar).start.deep_copy()
    tokens = compiler.compile(grammar).tokens.tokenize_str(f" {text}")
    return state.try_consume_tokens(tokens) == len(tokens) and state.is_accepting()


@pytest.mark.parametrize(
    ("grammar", "text", "value"),
    [
        (integer(), "-12", -12),
        (integer(), "9007199254740991", 2**53 - 1),
        (integer(0, 20), "20", 20),
        (number(), "3.25", 3.25),
        (number(), "4", 4.0),
        (date(), "2024-02-29", datetime.date(2024, 2, 29)),
        (date(), "0001-01-01", datetime.date.min),
        (regex(r"[A-Z]{3}-\d{2}/x"), "ABC-12/x", "ABC-12/x"),
        (lines(), "one\ntwo words", ["one", "two words"]),
        (json_schema({"type": "array", "items": {"type": "integer"}}), "[1, 2]", [1, 2]),
    ],
)
def test_a_grammar_takes_its_texts_and_tells_their_value(compiler, grammar, text, value):
    assert accepts(compiler, grammar, text)
    assert grammar.parse(text) == value
    assert type(grammar.parse(text)) is type(value)


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (integer(), "007"),
        (integer(), "1.5"),
        (integer(), "9007199254740992"),
        (integer(0, 20), "21"),
        (number(), "1e999"),
        (number(), "NaN"),
        (date(), "2023-02-29"),
        (date(), "1900-02-29"),
        (date(), "2024-04-31"),
        (date(), "0000-01-01"),
        (date(), "2024-1-1"),
        (regex("[a-z]+"), "aB"),
        (regex(".*"), "right\u202eto left"),
        (lines(), "one\n\ntwo"),
        (lines(), "trailing "),
        (lines(), "a\x07bell"),
    ],
)
def test_a_grammar_refuses_what_is_not_of_its_kind(compiler, grammar, text):
    assert not accepts(compiler, grammar, text)


def test_every_day_of_the_calendar_is_a_date_and_no_other_text_is():
    from smolvlm_tools.constraints.schema.text import DATE

    pattern = re.compile(DATE)
    for year in (1, 4, 99, 100, 400, 1900, 2000, 2023, 2024, 2100, 9999):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    datetime.date.fromisoformat(text)
                    real = True
                except ValueError:
                    real = False
                assert bool(pattern.fullmatch(text)) is real, text


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (bool, "yes/no"),
        (int, "integer"),
        (float, "number"),
        (datetime.date, "date"),
        (list[str], "lines"),
        (Literal["a", "b"], "choice"),
        (Colour, "choice"),
        (Point, "JSON"),
        (list[Point], "JSON"),
        (Optional[int], "JSON"),  # noqa: UP045
        (int | None, "JSON"),
        (Box, "JSON"),
        ({"type": "integer"}, "JSON"),
    ],
)
def test_a_type_says_which_constraint_it_needs(answer, kind):
    constraint = parse_answer(answer)
    assert constraint is not None and constraint.name == kind
    assert parse_answer(constraint) is constraint


@pytest.mark.parametrize("answer", [None, str])
def test_any_text_needs_no_constraint(answer):
    assert parse_answer(answer) is None


def test_the_values_of_choices_are_those_of_the_type():
    assert parse_answer(Literal[1, 2, "three"]).options == (("1", 1), ("2", 2), ("three", "three"))
    assert dict(parse_answer(Colour).options) == {"red": Colour.RED, "light blue": Colour.SKY}
    assert yes_no() == Choice("yes/no", (("yes", True), ("no", False)))
    assert choices({"y": 1}).options == (("y", 1),)


class Opaque:
    pass


@pytest.mark.parametrize("answer", [3, "int", [int], Opaque, Opaque(), lambda: 1])
def test_what_is_no_type_is_refused_with_the_ones_there_are(answer):
    with pytest.raises(BadOptions, match="bool, int, float"):
        parse_answer(answer)


@pytest.mark.parametrize("options", [[], [""], [" a"], ["a", "a"], "ab", ["a\nb"], [1], ["a\x1b"]])
def test_what_cannot_be_chosen_from_is_refused(options):
    with pytest.raises(BadOptions):
        choices(options)


def test_bounds_without_anything_between_are_refused():
    with pytest.raises(BadOptions, match="between 3 and 2"):
        integer(3, 2)


def test_a_broken_pattern_is_refused_before_decoding(compiler):
    with pytest.raises(SchemaNotSupported) as caught:
        compiler.compile(regex("(a"))
    assert caught.value.keyword == "regex"
    with pytest.raises(SchemaNotSupported):
        compiler.compile(regex("a(?=b)"))


def test_a_pattern_that_only_control_characters_match_is_refused(compiler):
    with pytest.raises(SchemaNotSupported, match="no text"):
        compiler.compile(regex(r"\x07"))


def test_a_choice_the_vocabulary_cannot_write_is_refused(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    compiler = ConstraintCompiler(checkpoint.tokenizer(), checkpoint.config.text.vocab_size, [1])
    with pytest.raises(BadPrompt):
        compiler.compile(choices(["\ud800"]))


def pieces(*texts: tuple[str, float | None]) -> list[Piece]:
    return [Piece(len(text.encode()), logprob) for text, logprob in texts]


def test_every_value_of_a_document_has_the_probability_of_its_tokens():
    text = '{"a/b": 12, "c": ["é", true], "~": {}}'
    spoken = pieces(
        ('{"a/b": ', None), ("1", -0.5), ("2", -0.25), (', "c": [', None), ('"é', -1.0),
        ('"', -3.0), (", ", None), ("true", -0.125), ('], "~": {}}', None),
    )  # fmt: skip
    assert field_confidence(text.encode(), spoken) == pytest.approx(
        {"/a~1b": 0.4723665, "/c/0": 0.1353353, "/c/1": 0.8824969}
    )


def test_a_value_that_no_token_wrote_has_no_confidence():
    found = field_confidence(b'{"a": 1, "b": 0}', pieces(('{"a": ', None), ("1", -0.1)))
    assert found == {"/a": pytest.approx(0.9048374), "/b": 0.0}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1', {"/a": 0.0}),  # of 12, perhaps
        ('{"a": 1, "b', {"/a": 1.0}),
        ('{"a": "x', {}),
        ('{"a": "x\\"', {}),
        ('{"a": "x", "b": [tr', {"/a": 1.0, "/b/0": 0.0}),
        ('{"a\\n/é": [[], {}, "é"', {"/a\n~1é/2": 1.0}),
        ("", {}),
    ],
)
def test_a_value_at_which_the_answer_was_cut_has_no_confidence(text, found):
    assert field_confidence(text.encode(), pieces((text, 0.0)), cut=True) == found


def test_a_document_that_is_one_value_has_the_empty_pointer():
    assert field_confidence(b" 7", pieces((" ", None), ("7", 0.0))) == {"": 1.0}


@pytest.mark.parametrize("count", [100, 500, 5000])
def test_a_schema_with_very_many_members_cannot_kill_the_process(compiler, count):
    import threading

    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(count)}}
    outcome = []

    def compile_on_a_small_stack():
        try:
            outcome.append(compiler.compile(json_schema(schema)))
        except SchemaNotSupported as error:
            outcome.append(error)

    usual = threading.stack_size(512 << 10)
    thread = threading.Thread(target=compile_on_a_small_stack)
    thread.start()
    threading.stack_size(usual)
    thread.join()
    assert isinstance(outcome[0], SchemaNotSupported) == (count > 2000)
    if count > 2000:
        assert outcome[0].keyword == "properties" and "5000" in str(outcome[0])

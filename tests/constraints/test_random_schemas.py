"""Random schemas: what a walk, a vocabulary or a model makes of them validates."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from smolvlm_tools import SchemaNotSupported, SmolVLM, open_checkpoint
from smolvlm_tools.constraints import json_schema
from smolvlm_tools.constraints.compiler import ConstraintCompiler
from smolvlm_tools.decoding.completion import shortest_completion
from tests.support.random_schemas import random_schemas
from tests.support.schema_walks import byte_walk, check_valid, walk
from tests.support.soup_schemas import soup_schemas

CUTS = (0, 3, 10, 30, 100, 300)


def walk_and_check(schemas: list[Any]) -> Counter[str]:
    """Texts of every schema, cut anywhere and completed, validate; refusals by keyword."""
    refused: Counter[str] = Counter()
    for index, schema in enumerate(schemas):
        try:
            grammar = compile_json_schema(schema)
        except SchemaNotSupported as error:
            refused[error.keyword] += 1
            continue
        for turn in range(2):
            source = random.Random(f"{index}-{turn}")
            cut = byte_walk(grammar, source, source.choice(CUTS))
            check_valid(schema, (cut + shortest_completion(grammar, cut)).decode())
    print(f"{len(schemas)} schemas, {refused.total()} refused before decoding: {dict(refused)}")
    assert refused.total() < len(schemas) / 2
    return refused


@pytest.mark.parametrize("make", [random_schemas, soup_schemas])
def test_random_texts_cut_anywhere_and_completed_validate(make):
    assert walk_and_check(list(make(60)))


@pytest.mark.slow
@pytest.mark.parametrize("make", [random_schemas, soup_schemas])
def test_random_texts_of_many_schemas_validate(make):
    walk_and_check(list(make(2000, seed=7)))


@pytest.fixture(scope="module")
def compiler(embedded: str) -> ConstraintCompiler:
    checkpoint = open_checkpoint(embedded)
    return ConstraintCompiler(checkpoint.tokenizer(), checkpoint.config.text.vocab_size, [473])


def test_random_tokens_of_the_embedded_vocabulary_validate_too(compiler):
    for index, schema in enumerate(random_schemas(25, seed=1)):
        try:
            compiled = compiler.compile(json_schema(schema))
        except SchemaNotSupported:
            continue
        source = random.Random(index)
        taken = walk(compiled.start.deep_copy(), source, source.choice(CUTS), frozenset({473}))
        cut = compiled.tokens.decode_bytes(taken)
        ending = shortest_completion(json_schema(schema).lark, cut)
        check_valid(schema, (cut + ending).decode()[1:])


def _extract_and_check(vlm: SmolVLM, count: int) -> None:
    refused: Counter[str] = Counter()
    cut = 0
    for index, schema in enumerate(random_schemas(count)):
        source = random.Random(index)
        options = {"max_new_tokens": source.choice([1, 2, 5, 10, 20, 40, 80, 160])}
        try:
            result = vlm.extract(
                "examples/images/shapes.png",
                schema,
                temperature=source.choice([0.0, 1.0]),
                seed=index,
                on_incomplete="complete",
                **options,
            )
        except SchemaNotSupported as error:
            refused[error.keyword] += 1
            continue
        check_valid(schema, result.text)
        assert json.dumps(result.value) == json.dumps(json.loads(result.text))
        assert ("truncated" in result.flags) == (result.finish_reason == "length")
        cut += "truncated" in result.flags
    print(f"{count} schemas: {refused.total()} refused before decoding {dict(refused)}, {cut} cut")
    assert 0 < refused.total() < count / 3
    assert 0 < cut < count - refused.total()


@pytest.fixture(scope="module", params=["embedded", "random weights"])
def vlm(request: pytest.FixtureRequest):
    if request.param == "embedded":
        engine = SmolVLM.load(request.getfixturevalue("embedded"))
    else:
        folder = request.getfixturevalue("tiny_onnx")
        engine = SmolVLM.load(folder, backend="onnx", precision="fp32")
    with engine:
        yield engine


def test_what_a_model_extracts_validates_wherever_it_is_cut(vlm):
    _extract_and_check(vlm, 60)


@pytest.mark.slow
def test_what_a_model_extracts_validates_for_a_thousand_schemas(vlm):
    _extract_and_check(vlm, 1000)

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
from tests.support.schema_walks import byte_walk, check_valid, real_schemas, walk
from tests.support.soup_schemas import soup_schemas

CUTS = (0, 3, 10, 30, 100, 300)


def walk_and_check(schemas: list[Any]) -> Counter[str]:
    """Texts of every schema, cut anywhere and completed, validate, or are refused by the check."""
    seen: Counter[str] = Counter()
    for index, schema in enumerate(schemas):
        try:
            grammar = json_schema(schema)
        except SchemaNotSupported as error:
            seen[f"refused: {error.keyword}"] += 1
            continue
        for turn in range(2):
            source = random.Random(f"{index}-{turn}")
            cut = byte_walk(grammar.lark, source, source.choice(CUTS))
            ending = shortest_completion(grammar, cut)
            if ending is None:
                seen["no end found"] += 1
                continue
            text = (cut + ending).decode()[1:]
            try:
                grammar.parse(text)
            except ValueError:
                seen["left to the check" if grammar.unenforced else "rejected"] += 1
            else:
                seen["valid"] += 1
                check_valid(schema, text)
    print(f"{len(schemas)} schemas: {dict(seen)}")
    walks = 2 * len(schemas)
    assert seen["valid"] > 0.6 * walks and seen["rejected"] + seen["no end found"] < 0.03 * walks
    return seen


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
        ending = shortest_completion(compiled.grammar, cut)
        if ending is not None and not compiled.grammar.unenforced:
            compiled.grammar.parse((cut + ending).decode()[1:])


def extract_and_check(vlm: SmolVLM, schemas: list[Any]) -> None:
    """Whatever is handed out validates, and every value of it was written by the model."""
    seen: Counter[str] = Counter()
    for index, schema in enumerate(schemas):
        source = random.Random(index)
        options = {"max_new_tokens": source.choice([1, 2, 5, 10, 20, 40, 80, 160])}
        policy = source.choice(["abstain", "abstain", "complete"])
        try:
            result = vlm.extract(
                "examples/images/shapes.png",
                schema,
                temperature=source.choice([0.0, 1.0]),
                seed=index,
                on_incomplete=policy,
                **options,
            )
        except SchemaNotSupported as error:
            seen[f"refused: {error.keyword}"] += 1
            continue
        seen[result.incomplete or policy] += 1
        assert ("truncated" in result.flags) == (result.finish_reason == "length")
        if result.incomplete:
            assert result.value is None and result.abstained
            continue
        assert result.finish_reason == "stop" or policy == "complete"
        ending = "completed" in result.flags
        assert ending <= (policy == "complete")
        assert json.dumps(result.value) == json.dumps(json.loads(result.text))
        check_valid(schema, result.text)
    print(f"{len(schemas)} schemas: {dict(seen)}")
    assert seen["abstain"] and seen["complete"] and seen["cut"]


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
    extract_and_check(vlm, list(random_schemas(60)))


@pytest.mark.slow
def test_what_a_model_extracts_validates_for_a_thousand_schemas(vlm):
    extract_and_check(vlm, list(random_schemas(1000)))


@pytest.mark.slow
def test_what_a_model_extracts_validates_for_real_schemas(vlm):
    extract_and_check(vlm, real_schemas()[::3] + real_schemas()[1::3])


def test_what_a_model_extracts_validates_for_a_few_real_schemas(vlm):
    extract_and_check(vlm, real_schemas()[::12])

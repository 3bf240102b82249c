"""`ChatSmolVLM` where a typed answer is cut, unsure or refused by its class."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langchain_smolvlm import ChatSmolVLM
from pydantic import AfterValidator, BaseModel, ValidationError

from smolvlm_tools import BadOptions, IncompleteAnswer
from tests.support.paths import RECEIPT

FILL_IN = [
    HumanMessage([{"type": "image", "path": str(RECEIPT)}, {"type": "text", "text": "Fill in."}])
]
CUT = {"max_new_tokens": 18}
UNSURE = {"min_confidence": 1.0}


class Receipt(BaseModel):
    vendor: str | None
    total: float


class Loose(BaseModel):
    vendor: str | None
    total: float | None


def _refuse(total: float) -> float:
    raise ValueError("never good enough")


class Picky(BaseModel):
    total: Annotated[float, AfterValidator(_refuse)]


HELD = [(Receipt, CUT, "cut"), (Receipt, UNSURE, "unsure"), (Picky, {}, "rejected")]
KINDS = [kind for _, _, kind in HELD]


@pytest.mark.parametrize(("schema", "options", "kind"), HELD, ids=KINDS)
def test_structured_output_raises_and_says_what_to_do(chat, schema, options, kind):
    runnable = chat.with_structured_output(schema, **options)
    for call in (
        lambda: runnable.invoke(FILL_IN),
        lambda: asyncio.run(runnable.ainvoke(FILL_IN)),
        lambda: list(runnable.stream(FILL_IN)),
        lambda: runnable.batch([FILL_IN]),
    ):
        with pytest.raises(IncompleteAnswer) as caught:
            call()
        assert caught.value.remedy and caught.value.text.startswith("{")
        assert caught.value.result.incomplete == kind and caught.value.result.value is None


@pytest.mark.parametrize(("schema", "options", "kind"), HELD, ids=KINDS)
def test_the_raw_message_comes_with_the_error_as_its_parsing_error(chat, schema, options, kind):
    found = chat.with_structured_output(schema, include_raw=True, **options).invoke(FILL_IN)
    assert found["parsed"] is None
    error = found["parsing_error"]
    assert isinstance(error, IncompleteAnswer) and error.result.incomplete == kind
    assert found["raw"].content == error.text


@pytest.mark.parametrize(("schema", "options", "kind"), HELD, ids=KINDS)
def test_abstaining_is_none_without_an_error(chat, schema, options, kind):
    options = {**options, "on_incomplete": "abstain"}
    assert chat.with_structured_output(schema, **options).invoke(FILL_IN) is None
    found = chat.with_structured_output(schema, include_raw=True, **options).invoke(FILL_IN)
    assert found["parsed"] is found["parsing_error"] is None


def test_completing_ends_a_cut_reply_and_raises_for_the_rest(chat):
    options = {"on_incomplete": "complete", "include_raw": True}
    found = chat.with_structured_output(Receipt, **options, **CUT).invoke(FILL_IN)
    assert isinstance(found["parsed"], Receipt)
    assert found["raw"].response_metadata["flags"] == ["truncated", "completed"]
    for schema, options in ((Receipt, UNSURE), (Picky, {})):
        runnable = chat.with_structured_output(schema, on_incomplete="complete", **options)
        with pytest.raises(IncompleteAnswer):
            runnable.invoke(FILL_IN)


@pytest.mark.parametrize("schema", [Loose, Loose.model_json_schema()], ids=["class", "dict"])
def test_an_unsure_field_is_null_in_the_value_whatever_the_text_says(chat, schema):
    runnable = chat.with_structured_output(schema, include_raw=True, min_field_confidence=1.0)
    found = runnable.invoke(FILL_IN)
    (streamed,) = chat.with_structured_output(schema, min_field_confidence=1.0).stream(FILL_IN)
    assert found["parsed"] == streamed
    data = streamed.model_dump() if schema is Loose else streamed
    assert data == {"vendor": None, "total": None}
    assert data == found["raw"].response_metadata["value"]
    assert Loose.model_validate_json(found["raw"].content).total == 7.5
    sure = chat.with_structured_output(schema, min_field_confidence=0.0).invoke(FILL_IN)
    assert sure == (Loose if schema is Loose else dict)(vendor="CORNER CAFE", total=7.5)


def test_the_constructor_sets_the_policy_of_every_call(embedded):
    with pytest.raises(IncompleteAnswer, match="min_confidence"):
        ChatSmolVLM(model=embedded, **UNSURE).with_structured_output(Receipt).invoke(FILL_IN)
    abstaining = ChatSmolVLM(model=embedded, on_incomplete="abstain", **CUT)
    assert abstaining.with_structured_output(Receipt).invoke(FILL_IN) is None
    runnable = abstaining.with_structured_output(Receipt, on_incomplete="raise")
    with pytest.raises(IncompleteAnswer, match="max_new_tokens"):
        runnable.invoke(FILL_IN)
    raising = ChatSmolVLM(model=embedded, on_incomplete="raise", **UNSURE)
    with pytest.raises(IncompleteAnswer):
        raising.invoke(FILL_IN)
    assert raising.invoke(FILL_IN, min_confidence=0.0).content
    unsure = ChatSmolVLM(model=embedded, **UNSURE).invoke(FILL_IN)
    assert unsure.content and unsure.response_metadata["incomplete"] == "unsure"


@pytest.mark.parametrize(
    "fields",
    [
        {"min_confidence": 2},
        {"min_confidence": "high"},
        {"min_field_confidence": -1},
        {"on_incomplete": "guess"},
        {"temperature": -3},
        {"max_new_tokens": -1},
        {"max_tokens": 0},
    ],
    ids=str,
)
def test_an_impossible_option_is_refused_by_the_constructor(chat, fields):
    with pytest.raises(BadOptions, match=next(iter(fields)).replace("max_tokens", "max_new_tok")):
        ChatSmolVLM(model="embedded", **fields)
    policy = {k: v for k, v in fields.items() if k.startswith("min_") or k == "on_incomplete"}
    if policy:
        with pytest.raises(BadOptions, match=next(iter(policy))):
            chat.with_structured_output(Receipt, **policy)


def test_a_type_of_pydantics_that_is_not_ours_is_still_checked_by_pydantic():
    with pytest.raises(ValidationError):
        ChatSmolVLM(model="embedded", load_options=3)


def test_a_cached_message_has_all_that_the_policy_needs(embedded):
    chat = ChatSmolVLM(model=embedded, cache=InMemoryCache())
    runnable = chat.with_structured_output(Receipt, **UNSURE)
    errors = []
    for _ in range(2):
        with pytest.raises(IncompleteAnswer) as caught:
            runnable.invoke(FILL_IN)
        errors.append(caught.value)
    assert errors[0].result == errors[1].result, "the second is the first's message"

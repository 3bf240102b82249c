"""`SmolVLMLLM` where a structured answer is cut, unsure or refused by its class."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
from llama_index.core.prompts import ChatPromptTemplate
from llama_index.llms.smolvlm import SmolVLMLLM
from pydantic import AfterValidator, BaseModel, Field

from smolvlm_tools import BadOptions, IncompleteAnswer
from tests.support.llama_index_questions import about_receipt

PROMPT = ChatPromptTemplate(message_templates=about_receipt())
CUT = {"max_new_tokens": 18}
UNSURE = {"min_confidence": 1.0}


class Receipt(BaseModel):
    seller: str | None = Field(alias="vendor")
    total: float | None


def _refuse(total: float) -> float:
    raise ValueError("not that")


class NeverPaid(BaseModel):
    total: Annotated[float, AfterValidator(_refuse)]


HELD = [(Receipt, CUT, "cut"), (Receipt, UNSURE, "unsure"), (NeverPaid, {}, "rejected")]


@pytest.mark.parametrize(("schema", "options", "kind"), HELD, ids=[kind for _, _, kind in HELD])
def test_there_is_an_error_and_no_instance_by_every_way(llm, schema, options, kind):
    async def astream():
        stream = await llm.astream_structured_predict(schema, PROMPT, options)
        return [each async for each in stream]

    for call in (
        lambda: llm.structured_predict(schema, PROMPT, options),
        lambda: asyncio.run(llm.astructured_predict(schema, PROMPT, options)),
        lambda: list(llm.stream_structured_predict(schema, PROMPT, options)),
        lambda: asyncio.run(astream()),
        lambda: llm.as_structured_llm(schema).chat(about_receipt(), **options),
    ):
        with pytest.raises(IncompleteAnswer) as caught:
            call()
        assert caught.value.result.incomplete == kind and caught.value.remedy
        assert caught.value.text.startswith("{")
        assert kind != "rejected" or "total: Value error, not that" in caught.value.reason


def test_completing_ends_a_cut_answer_and_raises_for_the_rest(llm):
    complete = {"on_incomplete": "complete"}
    assert isinstance(llm.structured_predict(Receipt, PROMPT, {**CUT, **complete}), Receipt)
    for schema, options in ((Receipt, UNSURE), (NeverPaid, {})):
        with pytest.raises(IncompleteAnswer):
            llm.structured_predict(schema, PROMPT, {**options, **complete})
    with pytest.raises(BadOptions, match="no Receipt for on_incomplete='abstain'"):
        llm.structured_predict(Receipt, PROMPT, {"on_incomplete": "abstain"})


def test_an_unsure_field_is_null_in_the_instance(llm):
    sure = llm.structured_predict(Receipt, PROMPT)
    assert (sure.seller, sure.total) == ("CORNER CAFE", 7.5)
    unsure = llm.structured_predict(Receipt, PROMPT, {"min_field_confidence": 1.0})
    assert (unsure.seller, unsure.total) == (None, None)


def test_the_fields_set_the_policy_of_every_call(embedded):
    llm = SmolVLMLLM(model=embedded, **UNSURE)
    with pytest.raises(IncompleteAnswer, match="min_confidence"):
        llm.structured_predict(Receipt, PROMPT)
    held = llm.chat(about_receipt())
    assert held.raw["incomplete"] == "unsure" and held.message.content
    raising = SmolVLMLLM(model=embedded, on_incomplete="raise", **UNSURE)
    with pytest.raises(IncompleteAnswer):
        raising.chat(about_receipt())
    completing = SmolVLMLLM(model=embedded, on_incomplete="complete", **CUT)
    assert isinstance(completing.structured_predict(Receipt, PROMPT), Receipt)
    abstaining = SmolVLMLLM(model=embedded, on_incomplete="abstain", **CUT)
    with pytest.raises(IncompleteAnswer, match="max_new_tokens"):
        abstaining.structured_predict(Receipt, PROMPT)
    again = SmolVLMLLM.from_dict(abstaining.to_dict())
    assert again.on_incomplete == "abstain"
    for each in (llm, raising, completing, abstaining):
        each.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"min_confidence": 2},
        {"min_field_confidence": "high"},
        {"on_incomplete": "guess"},
        {"temperature": -3},
        {"max_new_tokens": -1},
    ],
    ids=str,
)
def test_an_impossible_option_is_refused_by_the_constructor(fields):
    with pytest.raises(BadOptions, match=next(iter(fields))):
        SmolVLMLLM(model="embedded", **fields)

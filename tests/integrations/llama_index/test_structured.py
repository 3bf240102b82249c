"""Structured answers of `SmolVLMLLM`."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
)
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.llms.smolvlm import SmolVLMLLM
from llama_index.llms.smolvlm.messages import asking_for_json
from pydantic import BaseModel, Field

from smolvlm_tools import (
    BadOptions,
)
from tests.support.llama_index_questions import about_receipt
from tests.support.paths import RECEIPT


class Receipt(BaseModel):
    vendor: str = Field(max_length=40)
    total: float


def test_structured_answers_fit_their_class_by_constrained_decoding(llm):
    messages = about_receipt()
    found = llm.structured_predict(Receipt, ChatPromptTemplate(message_templates=messages))
    assert isinstance(found, Receipt) and found.total == 7.5
    through = llm.as_structured_llm(Receipt).chat(messages)
    assert through.raw == found
    text_only = llm.structured_predict(Receipt, PromptTemplate("A {what}?"), what="receipt")
    assert isinstance(text_only, Receipt)
    (streamed,) = llm.stream_structured_predict(
        Receipt, ChatPromptTemplate(message_templates=messages)
    )
    assert streamed == found


def test_a_structured_prompt_asks_for_json_once_and_the_callers_messages_stay_as_they_are():
    given = about_receipt()
    asked_for = asking_for_json(given)
    assert asked_for[-1].blocks[-1].text == "What is the total? Answer in JSON."
    assert given[-1].blocks[-1].text == "What is the total?"
    assert asked_for[-1].blocks[0] is given[-1].blocks[0]
    assert asking_for_json(asked_for) == asked_for
    picture_only = [ChatMessage(blocks=[ImageBlock(path=RECEIPT)])]
    assert asking_for_json(picture_only) == picture_only
    assert asking_for_json([]) == []


def test_stop_texts_of_the_fields_do_not_cut_structured_answers(embedded):
    llm = SmolVLMLLM(model=embedded, stop=['"'])
    prompt = ChatPromptTemplate(message_templates=about_receipt())
    assert llm.structured_predict(Receipt, prompt).total == 7.5
    with pytest.raises(BadOptions, match="stop"):
        llm.structured_predict(Receipt, prompt, llm_kwargs={"stop": ["x"]})
    llm.close()


def test_structured_answers_come_to_loops_too(llm):
    prompt = ChatPromptTemplate(message_templates=about_receipt())

    async def predict():
        found = await llm.astructured_predict(Receipt, prompt)
        stream = await llm.astream_structured_predict(Receipt, prompt)
        through = await llm.as_structured_llm(Receipt).achat(about_receipt())
        return [found, through.raw, *[each async for each in stream]]

    assert asyncio.run(predict()) == [llm.structured_predict(Receipt, prompt)] * 3

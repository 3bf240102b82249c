"""Answers of a schema or a type from `ChatSmolVLM`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from smolvlm_tools import BadOptions, SchemaNotSupported
from tests.support.langchain_scenes import ask


class Circle(BaseModel):
    """A circle in a picture."""

    color: str = Field(description="of the circle", max_length=12)
    count: int = Field(ge=0, le=9)


class CircleDict(TypedDict):
    """A circle in a picture."""

    color: str
    count: int


SCHEMAS: dict[str, Any] = {
    "pydantic": Circle,
    "TypedDict": CircleDict,
    "JSON schema": Circle.model_json_schema(),
    "OpenAI": {
        "name": "circle",
        "description": "A circle.",
        "parameters": {k: v for k, v in Circle.model_json_schema().items() if k != "description"},
    },
}


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output_fits_its_schema_by_every_way(kind, method, chat):
    model = chat.with_structured_output(SCHEMAS[kind], method=method).bind(max_new_tokens=40)
    values = [model.invoke(ask()), asyncio.run(model.ainvoke(ask())), list(model.stream(ask()))[-1]]
    for value in values:
        data = value.model_dump() if kind == "pydantic" else value
        assert isinstance(value, Circle if kind == "pydantic" else dict)
        assert set(data) == {"color", "count"}
        assert isinstance(data["count"], int)


def test_structured_output_with_the_raw_message(chat):
    model = chat.with_structured_output(Circle, include_raw=True)
    found = model.invoke(ask())
    assert isinstance(found["parsed"], Circle)
    assert found["parsing_error"] is None
    assert found["raw"].response_metadata["field_confidence"].keys() == {"/color", "/count"}


def test_structured_output_without_a_schema_is_some_json_object(chat):
    assert isinstance(chat.with_structured_output(max_new_tokens=40).invoke(ask()), dict)


def test_what_cannot_be_enforced_is_said(chat):
    recursive = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(x"}}}
    with pytest.raises(SchemaNotSupported):
        chat.with_structured_output(recursive).invoke(ask())
    with pytest.raises(BadOptions, match="unknown method"):
        chat.with_structured_output(Circle, method="guess")


def test_an_answer_of_a_type_may_be_asked_for_with_any_call(chat):
    reply = chat.invoke(ask("Is there a circle?"), answer=bool)
    assert reply.response_metadata["value"] is True
    assert set(reply.response_metadata["probabilities"]) == {"yes", "no"}

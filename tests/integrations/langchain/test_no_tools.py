"""A `ChatSmolVLM` is not the planner of an agent: the error says why, and what to use instead."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
from langchain_core.tools import tool
from langchain_smolvlm import ToolsNotSupported
from pydantic import BaseModel

from smolvlm_tools import SmolVLMError
from tests.support.langchain_scenes import ask


class Circle(BaseModel):
    color: str


@tool
def look(place: str) -> str:
    """Look at a place."""
    return place


@pytest.mark.parametrize("given", [{}, {"tool_choice": "any"}, {"strict": True}])
def test_binding_tools_names_the_toolkit(chat, given):
    with pytest.raises(NotImplementedError, match="not trained to choose tools") as caught:
        chat.bind_tools([look], **given)
    assert isinstance(caught.value, SmolVLMError) and caught.value.code == "tools_not_supported"
    assert "SmolVLMToolkit" in caught.value.remedy


def test_a_response_format_names_structured_output(chat):
    wanted = {"type": "json_schema", "json_schema": {"name": "circle"}}
    for call in (
        lambda: chat.bind_tools([], response_format=wanted),
        lambda: chat.bind_tools([look], response_format=wanted),
        lambda: chat.invoke(ask(), response_format=wanted),
    ):
        with pytest.raises(ToolsNotSupported, match="with_structured_output"):
            call()


@pytest.mark.parametrize("given", [{"tools": [look]}, {"tool_choice": "any"}, {"functions": [{}]}])
def test_tools_of_a_call_are_refused_too(chat, given):
    with pytest.raises(ToolsNotSupported, match="SmolVLMToolkit"):
        chat.invoke(ask(), **given)
    assert chat.invoke(ask(), tools=None).text == "red"


def test_an_agent_says_so_when_it_is_asked(chat):
    agents = pytest.importorskip("langchain.agents", reason="`langchain` is not installed")
    message = {"messages": [("user", "hello")]}
    with pytest.raises(ToolsNotSupported, match="not trained to choose tools"):
        agents.create_agent(chat, [look]).invoke(message)
    with pytest.raises(ToolsNotSupported, match="with_structured_output"):
        agents.create_agent(chat, [], response_format=Circle).invoke(message)

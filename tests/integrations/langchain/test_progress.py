"""Progress of calls that a node of a LangGraph graph makes, in the graph's custom stream."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_smolvlm import ChatSmolVLM, SmolVLMToolkit
from langchain_smolvlm.progress import to_graph
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from tests.support.langchain_scenes import ask
from tests.support.paths import ROOT, SHAPES
from tests.support.picture_books import book


def graph_of(node):
    return StateGraph(MessagesState).add_node("see", node).add_edge(START, "see").compile()


def calls(chat):
    """Nodes that call the model in every way."""

    def one(call):
        return lambda state: {"messages": [call(state["messages"])]}

    def streamed(messages):
        whole = None
        for chunk in chat.stream(messages):
            whole = chunk if whole is None else whole + chunk
        return whole

    def structured(messages):
        schema = {"title": "said", "type": "object", "properties": {"color": {"type": "string"}}}
        return AIMessage(str(chat.with_structured_output(schema).invoke(messages)))

    async def anode(state):
        return {"messages": [await chat.ainvoke(state["messages"])]}

    async def abatched(state):
        return {"messages": await chat.abatch([state["messages"]])}

    return {
        "invoke": one(chat.invoke),
        "stream": one(streamed),
        "batch": one(lambda messages: chat.batch([messages])[0]),
        "in a chain": one((RunnableLambda(lambda messages: messages) | chat).invoke),
        "structured": one(structured),
        "ainvoke": anode,
        "abatch": abatched,
    }


async def astreamed(graph, given):
    return [event async for event in graph.astream(given, stream_mode="custom")]


def check(told, name):
    assert {event["type"] for event in told} == {"smolvlm_progress"}
    assert {event["name"] for event in told} == {name}
    stages = list(dict.fromkeys(event["stage"] for event in told))
    assert stages[-4:] == ["preprocess", "vision", "prefill", "decode"]
    assert {"looking: 5 of 5 tiles"} <= {event["message"] for event in told}
    done = [event["done"] for event in told if event["stage"] == "decode"]
    assert done == sorted(done) and len(done) > 1


@pytest.mark.parametrize(
    "way", ["invoke", "stream", "batch", "in a chain", "structured", "ainvoke", "abatch"]
)
def test_a_graph_is_told_how_far_the_model_is(way, fresh_chat):
    graph, given = graph_of(calls(fresh_chat)[way]), {"messages": ask()}
    if not way.startswith("a"):
        check(list(graph.stream(given, stream_mode="custom")), "ChatSmolVLM")
    fresh_chat.close()
    check(asyncio.run(astreamed(graph, given)), "ChatSmolVLM")


@pytest.fixture
def fresh_chat(embedded):
    """A model whose engine nobody else uses and that keeps no images, so that it looks."""
    chat = ChatSmolVLM(model=embedded, load_options={"cache": False})
    yield chat
    chat.close()


def test_a_graph_is_told_of_loading_too(fresh_chat):
    graph = graph_of(lambda state: {"messages": [fresh_chat.invoke(state["messages"])]})
    told = list(graph.stream({"messages": ask()}, stream_mode="custom"))
    assert [(event["stage"], event["done"]) for event in told[:2]] == [("load", 0), ("load", 1)]
    again = list(graph.stream({"messages": ask()}, stream_mode="custom"))
    assert "load" not in {event["stage"] for event in again}


def test_ones_own_on_progress_is_told_as_well(fresh_chat):
    own = []
    graph = graph_of(
        lambda state: {"messages": [fresh_chat.invoke(state["messages"], on_progress=own.append)]}
    )
    told = list(graph.stream({"messages": ask()}, stream_mode="custom"))
    assert [(p.stage, p.done) for p in own] == [
        (event["stage"], event["done"]) for event in told if event["stage"] != "load"
    ]


def test_a_graph_that_nobody_streams_and_calls_without_a_graph_are_answered(fresh_chat):
    graph = graph_of(lambda state: {"messages": [fresh_chat.invoke(state["messages"])]})
    assert graph.invoke({"messages": ask()})["messages"][-1].text == "red"
    assert to_graph("nobody") is None
    assert fresh_chat.invoke(ask()).text == "red"
    outside = RunnableLambda(lambda messages: to_graph("nobody"))
    assert outside.invoke([]) is None, "a chain is not a graph"


def asks_for(name, **arguments):
    call = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
    return {"messages": [AIMessage("", tool_calls=[call])]}


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_graph_is_told_how_far_a_tool_is(way, embedded):
    toolkit = SmolVLMToolkit(model=embedded, load_options={"cache": False})
    graph = graph_of(ToolNode(toolkit.get_tools()))
    given = asks_for("answer_question", image=str(SHAPES), question="What color is the circle?")
    if way == "stream":
        told = list(graph.stream(given, stream_mode="custom"))
    else:
        told = asyncio.run(astreamed(graph, given))
    toolkit.close()
    check(told, "answer_question")
    assert told[0]["message"] == "loading the model"


def test_pages_are_counted(embedded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toolkit = SmolVLMToolkit(model=embedded)
    path = str(book(tmp_path / "book.tif"))
    given = asks_for("transcribe_image", image=path, pages="2-3")
    told = list(graph_of(ToolNode(toolkit.get_tools())).stream(given, stream_mode="custom"))
    toolkit.close()
    assert {(event["page"], event["pages"]) for event in told if event["stage"] != "load"} == {
        (1, 2), (2, 2),
    }  # fmt: skip
    assert any(event["message"].startswith("page 2 of 2: looking") for event in told)


def test_langgraph_is_never_imported_for_it():
    code = (
        "import sys; from langchain_smolvlm import ChatSmolVLM;"
        "from langchain_core.messages import HumanMessage;"
        "print(ChatSmolVLM(model='embedded').invoke('Hello', max_tokens=1).usage_metadata"
        "['output_tokens'], [m for m in sys.modules if m.startswith('langgraph')])"
    )
    path = f"{ROOT}:{ROOT / 'integrations'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1 []"

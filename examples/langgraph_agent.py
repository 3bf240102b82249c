"""A LangGraph agent that looks at an image through SmolVLM's tools.

    pip install "smolvlm-tools[langchain]" langgraph
    python examples/langgraph_agent.py

The planner is a *script*, so that this runs without a second model: it decides by rules what a
language model would decide from the tools' descriptions. Put any chat model that calls tools in its
place: `planner = init_chat_model("…").bind_tools(tools)`. What SmolVLM says is not scripted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_smolvlm import SmolVLMToolkit
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from smolvlm_tools.tools import agent_policy

IMAGES = Path(__file__).resolve().parent / "images"
QUESTION = "Is there a red circle in shapes.png, and how many triangles?"


class ScriptedPlanner(BaseChatModel):
    """Stands in for a language model that plans: looks once, asks twice, sums up."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None = None,
        run_manager: object = None,
        **kwargs: Any,
    ) -> ChatResult:
        seen = [json.loads(m.content) for m in messages if isinstance(m, ToolMessage)]
        message = self._plan(seen)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _plan(self, seen: list[dict[str, Any]]) -> AIMessage:
        if not seen:
            return calling("load_image", image=str(IMAGES / "shapes.png"))
        handle = seen[0]["handle"]
        if len(seen) == 1:
            return calling(
                "answer_question",
                image=handle,
                question="What color is the circle?",
                answer_type="choice",
                choices=["red", "green", "blue"],
            )
        if len(seen) == 2:
            return calling(
                "answer_question",
                image=handle,
                question="How many triangles are there?",
                answer_type="integer",
            )
        color, count = seen[1]["value"], seen[2]["value"]
        return AIMessage(f"The circle is {color}; triangles: {count}.")


def calling(name: str, **arguments: Any) -> AIMessage:
    """A planner's wish to call a tool."""
    call = {"name": name, "args": arguments, "id": f"{name}-{len(arguments)}"}
    return AIMessage("", tool_calls=[call])


def main() -> None:
    """Build the graph, ask it, and check what comes out."""
    toolkit = SmolVLMToolkit(model="embedded", policy=agent_policy([IMAGES]))
    planner = ScriptedPlanner()

    def plan(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [planner.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("planner", plan)
    graph.add_node("tools", ToolNode(toolkit.get_tools()))
    graph.add_edge(START, "planner")
    graph.add_conditional_edges("planner", tools_condition)
    graph.add_edge("tools", "planner")

    final = graph.compile().invoke({"messages": [HumanMessage(QUESTION)]})["messages"]
    for message in final:
        message.pretty_print()
    toolkit.close()

    used = [message for message in final if isinstance(message, ToolMessage)]
    assert [message.status for message in used] == ["success"] * 3
    assert all(message.artifact["content_origin"] == "image" for message in used[1:])
    assert final[-1].text == "The circle is red; triangles: 1."


if __name__ == "__main__":
    main()

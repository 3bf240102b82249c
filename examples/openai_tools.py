"""Give a chat model eyes: the tools in OpenAI's format, run by `Toolbox.call`.

    python examples/openai_tools.py

The loop is the one that every OpenAI-compatible API wants. The chat model is a scripted stand-in,
so that this runs anywhere: put `client.chat.completions.create(model=…, messages=…, tools=…)` in
the place of `scripted_model`. The eyes are real: the model that ships with this package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smolvlm_tools import SmolVLMError
from smolvlm_tools.tools import Toolbox, agent_policy, tool_schemas

FOLDER = Path(__file__).resolve().parent / "images"
SHAPES = str(FOLDER / "shapes.png")


def answer_with_tools(toolbox: Toolbox, question: str) -> tuple[str, list[dict[str, Any]]]:
    """Let the chat model call tools until it answers; returns the answer and the conversation."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    tools = tool_schemas("openai")
    while True:
        reply = scripted_model(messages, tools)
        messages.append(reply)
        if not reply.get("tool_calls"):
            return reply["content"], messages
        for call in reply["tool_calls"]:
            content = run_tool(toolbox, call["function"]["name"], call["function"]["arguments"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})


def run_tool(toolbox: Toolbox, name: str, arguments: str) -> str:
    """A tool's result as text; an error too, so that the chat model can do better."""
    try:
        return toolbox.call(name, arguments).model_dump_json()
    except SmolVLMError as error:
        told = {"error": error.code, "reason": error.reason, "remedy": error.remedy}
        return json.dumps(told)


def scripted_model(messages: list[dict[str, Any]], tools: object) -> dict[str, Any]:
    """What a chat model might say next; it makes one mistake and learns from the error."""
    said = [json.loads(m["content"]) for m in messages if m["role"] == "tool"]
    if not said:
        return calls(("load_image", {"image": SHAPES}))
    handle = said[0]["handle"]
    if len(said) == 1:
        return calls(("answer_question", {"image": handle, "question": "Is there a red circle?"}))
    if len(said) == 2:
        wrong = {"image": handle, "question": "How many shapes are there?", "answer_type": "count"}
        colour = {
            "image": handle,
            "question": "What color is the circle?",
            "answer_type": "choice",
            "choices": ["red", "green", "blue"],
        }
        return calls(("answer_question", wrong), ("answer_question", colour))
    if said[2].get("error") and len(said) == 4:
        right = {
            "image": handle,
            "question": "How many shapes are there?",
            "answer_type": "integer",
        }
        return calls(("answer_question", right))
    words = f"There are {said[4]['value']} shapes; the circle is {said[3]['value']}."
    return {"role": "assistant", "content": words}


def calls(*wanted: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """An assistant's message that calls functions."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{name}_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for index, (name, arguments) in enumerate(wanted)
        ],
    }


def main() -> None:
    """Ask, and check what this shows."""
    policy = agent_policy(roots=[FOLDER])
    with Toolbox.load("embedded", policy=policy) as toolbox:
        answer, messages = answer_with_tools(toolbox, "What is in shapes.png?")
        for message in messages:
            print(message["role"], message.get("content") or message["tool_calls"])
        results = [json.loads(m["content"]) for m in messages if m["role"] == "tool"]
        # Handles stand for the image; results carry no pixels.
        assert results[0]["handle"].startswith("img:") and results[0]["tokens"] > 0
        assert all(len(json.dumps(result)) < 1500 for result in results)
        # The mistake came back as an error that names the argument and what it may be.
        assert results[2]["error"] == "bad_arguments" and "'answer_type'" in results[2]["reason"]
        # A typed answer has its type, and a choice its probabilities.
        assert results[3]["value"] == "red" and set(results[3]["probabilities"]) == {
            "red",
            "green",
            "blue",
        }
        assert results[4]["value"] == 3
        assert answer == "There are 3 shapes; the circle is red."
        # A file outside the folder is not read, whoever asks.
        refused = json.loads(run_tool(toolbox, "load_image", '{"image": "/etc/passwd"}'))
        assert refused["error"] == "path_not_allowed"
    print(answer)


if __name__ == "__main__":
    main()

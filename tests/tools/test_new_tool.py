"""A new tool is one object and one entry of the registry; everything else follows from it."""

from __future__ import annotations

import json

import anyio
import pytest
from jsonschema import Draft202012Validator

from smolvlm_tools import BadArguments
from smolvlm_tools.tools import FORMATS, TOOLS, Toolbox, tool_schemas
from smolvlm_tools.tools.inputs import Context, ImagesInput, MaxNewTokens, MinConfidence
from smolvlm_tools.tools.replies import UNTRUSTED, TextReply
from smolvlm_tools.tools.tool import EngineCall, ModelTool
from tests.support.tool_calls import SHAPES, saying


class NameMood(ImagesInput):
    """Arguments of the toy tool."""

    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None


TOY = ModelTool(
    name="name_mood",
    title="Name the mood of an image",
    description="Say in one word what mood an image is in." + UNTRUSTED,
    input=NameMood,
    output=TextReply,
    ask=lambda arguments: EngineCall("ask", ("What mood is this image in?",)),
)


@pytest.fixture
def toolbox(checkpoint, monkeypatch):
    """Runs the registry's tools and the toy one on a model that always says the same."""
    monkeypatch.setitem(TOOLS, TOY.name, TOY)
    with saying(checkpoint, " a shape") as vlm:
        yield Toolbox(vlm)


def test_a_new_tool_is_called_and_checked_like_the_others(toolbox):
    reply = toolbox.call("name_mood", {"image": SHAPES})
    assert type(reply) is TextReply and reply.text == "a shape"
    Draft202012Validator(TOY.output_schema()).validate(reply.model_dump(mode="json"))
    awaited = anyio.run(toolbox.acall, "name_mood", {"image": reply.images[0].handle})
    assert awaited.text == "a shape"
    with pytest.raises(BadArguments, match="unknown argument 'mood'"):
        toolbox.call("name_mood", {"image": SHAPES, "mood": "sad"})


@pytest.mark.parametrize("format", FORMATS)
def test_a_new_tool_is_in_the_schemas_of_every_protocol(toolbox, format):
    before = len(TOOLS) - 1
    schemas = tool_schemas(format)
    entries = list(schemas.values()) if isinstance(schemas, dict) else schemas
    assert len(entries) == before + 1
    assert json.dumps(TOY.input_schema()["properties"]) in json.dumps(entries[-1])


def test_a_new_tool_is_served_over_mcp(toolbox):
    pytest.importorskip("mcp")
    from mcp.client.client import Client
    from smolvlm_mcp.cards import Cards
    from smolvlm_mcp.server import make_server

    server = make_server(toolbox, Cards("embedded", lambda: None, toolbox.store, ""))

    async def talk():
        async with Client(server) as client:
            listed = (await client.list_tools()).tools
            return listed[-1], await client.call_tool("name_mood", {"image": SHAPES})

    listed, result = anyio.run(talk)
    assert (listed.name, listed.input_schema) == ("name_mood", TOY.input_schema())
    assert result.structured_content["text"] == "a shape"

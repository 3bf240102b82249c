"""What callbacks, tracers, event streams and caches are told of images: digest and size."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import json
import pickle

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.tracers.base import BaseTracer
from langchain_smolvlm import ChatSmolVLM, SmolVLMToolkit
from langchain_smolvlm.held import Held, hold, release
from pydantic import BaseModel

from smolvlm_tools import BadEncoding
from tests.support.documents import pdf_only
from tests.support.langchain_scenes import ask
from tests.support.llama_index_scenes import paged
from tests.support.paths import SHAPES

DATA = SHAPES.read_bytes()
ENCODED = base64.b64encode(DATA).decode()
URI = f"data:image/png;base64,{ENCODED}"
TOLD = f"<{len(DATA)} bytes, sha256:{hashlib.sha256(DATA).hexdigest()}>"
QUESTION = {"type": "text", "text": "What color is the circle?"}
BLOCKS = {
    "v1": {"type": "image", "base64": ENCODED, "mime_type": "image/png"},
    "v1 without its type": {"type": "image", "base64": ENCODED},
    "v0": {"type": "image", "source_type": "base64", "data": ENCODED, "mime_type": "image/png"},
    "v1 data uri": {"type": "image", "url": URI},
    "openai": {"type": "image_url", "image_url": {"url": URI}},
    "openai text": {"type": "image_url", "image_url": URI},
    "openai response": {"type": "input_image", "image_url": URI},
    "openai file": {"type": "file", "file": {"file_data": URI, "filename": "a.png"}},
    "anthropic": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": ENCODED},
    },
    "gemini": {"type": "image", "inline_data": {"mime_type": "image/png", "data": ENCODED}},
    "file": {"type": "file", "base64": ENCODED, "mime_type": "image/png"},
}


class Circle(BaseModel):
    color: str


class Tracer(BaseTracer):
    """A tracer as LangSmith's: it keeps whole runs, inputs and outputs."""

    def __init__(self):
        super().__init__(_schema_format="original+chat")
        self.runs = []

    def _persist_run(self, run):
        self.runs.append(run)


class Handler(BaseCallbackHandler):
    """Keeps all that it is told, as it is."""

    def __init__(self):
        self.told = []

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.told.append((serialized, messages, kwargs))

    def on_chain_start(self, serialized, inputs, **kwargs):
        self.told.append((serialized, inputs, kwargs))

    def on_tool_start(self, serialized, input_str, **kwargs):
        self.told.append((serialized, input_str, kwargs))

    def on_llm_end(self, response, **kwargs):
        self.told.append((response, kwargs))


def asked(block):
    return [HumanMessage([dict(block), QUESTION])]


def written(told):
    """What a tracer writes, in every way it might."""
    return dumps(told) + repr(told) + str(pickle.dumps(repr(told)))


def check(told):
    text = written(told)
    assert ENCODED[:60] not in text and ENCODED[-60:] not in text
    assert TOLD in text


def run(chat, way, messages, config):
    async def events():
        return [event async for event in chat.astream_events(messages, config, version="v2")]

    async def streamed():
        return [chunk async for chunk in chat.astream(messages, config)]

    ways = {
        "invoke": lambda: [chat.invoke(messages, config)],
        "ainvoke": lambda: [asyncio.run(chat.ainvoke(messages, config))],
        "stream": lambda: list(chat.stream(messages, config)),
        "astream": lambda: asyncio.run(streamed()),
        "batch": lambda: chat.batch([messages], config),
        "abatch": lambda: asyncio.run(chat.abatch([messages], config)),
        "generate": lambda: [
            chat.generate([messages], callbacks=config["callbacks"]).generations[0][0]
        ],
        "events": lambda: [e for e in asyncio.run(events()) if e["event"].endswith("_stream")],
    }
    return ways[way]()


WAYS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch", "generate", "events")


@pytest.mark.parametrize("way", WAYS)
def test_callbacks_and_tracers_see_digests_and_the_model_the_image(way, chat):
    handler, tracer = Handler(), Tracer()
    messages = asked(BLOCKS["v1"])
    before = copy.deepcopy(messages)
    said = run(chat, way, messages, {"callbacks": [handler, tracer]})
    assert "red" in repr(said)
    check(handler.told)
    check([json.loads(traced.model_dump_json(exclude={"child_runs"})) for traced in tracer.runs])
    assert messages == before, "the caller's own messages are as they were"
    assert type(messages[0].content[0]["base64"]) is str


@pytest.mark.parametrize("name", BLOCKS)
def test_every_shape_of_block_shows_its_digest_and_is_understood(name, chat):
    handler = Handler()
    assert chat.invoke(asked(BLOCKS[name]), {"callbacks": [handler]}).text == "red"
    check(handler.told)


def test_the_events_of_a_call_hold_no_image_data(chat):
    async def events(runnable, given):
        return [event async for event in runnable.astream_events(given, version="v2")]

    messages = asked(BLOCKS["openai"])
    template = ChatPromptTemplate([MessagesPlaceholder("asked")])
    for given in (messages, template.invoke({"asked": messages})):
        told = asyncio.run(events(chat, given))
        assert {event["event"] for event in told} == {
            "on_chat_model_start", "on_chat_model_stream", "on_chat_model_end",
        }  # fmt: skip
        check(told)
    check(asyncio.run(events(chat.bind(max_tokens=5), messages)))
    check(asyncio.run(events(chat.with_structured_output(Circle), messages)))
    plain = asyncio.run(events(chat, "Hello"))
    assert plain[0]["data"]["input"] == "Hello", "what holds no image is passed on as it is"


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("generate", "events")])
def test_a_structured_call_is_traced_without_image_data(way, include_raw, chat):
    handler = Handler()
    chain = chat.with_structured_output(Circle, include_raw=include_raw)
    said = run(chain, way, asked(BLOCKS["v1"]), {"callbacks": [handler]})
    by_path = chat.with_structured_output(Circle).invoke(ask())
    assert repr(by_path) in repr(said), "the model has seen the same image"
    check(handler.told)


def test_structured_calls_that_come_as_they_are_done_are_traced_alike(chat):
    chain, handler = chat.with_structured_output(Circle), Handler()
    config = {"callbacks": [handler]}

    async def all_done():
        inputs = [asked(BLOCKS["v1"])]
        return [done async for done in chain.abatch_as_completed(inputs, config)]

    [(_, there)] = asyncio.run(all_done())
    [(_, here)] = chain.batch_as_completed([asked(BLOCKS["v1"])], config)
    assert here == there == chain.invoke(ask())
    check(handler.told)


def test_images_in_other_messages_than_the_users_are_told_alike(chat):
    handler = Handler()
    history = [
        SystemMessage([{"type": "text", "text": "Be brief."}]),
        ToolMessage([BLOCKS["openai"]], tool_call_id="1"),
        HumanMessage("What color is the circle?"),
    ]
    chat.invoke(history, {"callbacks": [handler]})
    check(handler.told)


@pdf_only
@pytest.mark.parametrize("shape", ["v1", "openai"])
def test_documents_show_their_digest_too(shape, chat, tmp_path):
    paged(tmp_path / "scan.pdf", ["red", "blue"])
    data = (tmp_path / "scan.pdf").read_bytes()
    encoded = base64.b64encode(data).decode()
    blocks = {
        "v1": {"type": "file", "base64": encoded, "mime_type": "application/pdf", "pages": "2"},
        "openai": {
            "type": "file",
            "file": {"file_data": f"data:application/pdf;base64,{encoded}", "pages": "2"},
        },
    }
    handler = Handler()
    assert chat.invoke(asked(blocks[shape]), {"callbacks": [handler]}).text == "blue"
    told = written(handler.told)
    assert encoded[:60] not in told
    assert f"<{len(data)} bytes, sha256:{hashlib.sha256(data).hexdigest()}>" in told


def test_data_that_is_no_base64_is_told_by_its_characters(chat):
    handler = Handler()
    block = {"type": "image", "base64": "é" * 500, "mime_type": "image/png"}
    with pytest.raises(BadEncoding):
        chat.invoke(asked(block), {"callbacks": [handler]})
    assert "<500 characters, sha256:" in written(handler.told)
    assert "é" * 50 not in written(handler.told)


def test_text_and_data_that_is_no_images_are_told_as_they_are():
    text = {"type": "text", "text": "data:image/png;base64,aGVsbG8="}
    other = {"type": "json", "json": {"data": "hello"}}
    path = {"type": "image", "path": "examples/images/shapes.png"}
    for block in (text, other, path, {"type": "image_url", "image_url": {"url": "http://a/b"}}):
        assert hold(block) is block


def test_what_is_held_back_comes_back_and_leaves_with_no_copy():
    lines = "\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76))
    for encoded in (ENCODED, lines):
        block = {"type": "image", "source": {"data": encoded}}
        held = hold(block)
        assert held["source"]["data"] == TOLD and isinstance(held["source"]["data"], Held)
        assert release(held) == release(copy.deepcopy(held)) == block
        assert hold(held) is held
        assert pickle.loads(pickle.dumps(held)) == {"type": "image", "source": {"data": TOLD}}
        assert len(pickle.dumps(held)) < 500


def test_a_cache_knows_images_by_their_digests(embedded):
    cache = InMemoryCache()
    chat = ChatSmolVLM(model=embedded, cache=cache)
    for _ in range(2):
        assert chat.invoke(asked(BLOCKS["v1"])).text == "red"
    ((prompt, _),) = cache._cache
    assert TOLD in prompt and len(prompt) < len(ENCODED)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_tools_arguments_are_told_without_image_data(way, embedded):
    handler = Handler()
    tools = {tool.name: tool for tool in SmolVLMToolkit(model=embedded).get_tools()}
    arguments = {"image": URI, "question": "What color is the circle?"}
    call = {"type": "tool_call", "id": "1", "name": "answer_question", "args": arguments}
    tool, config = tools["answer_question"], {"callbacks": [handler]}
    done = tool.invoke(call, config) if way == "invoke" else asyncio.run(tool.ainvoke(call, config))
    assert done.artifact["value"] == "red"
    check(handler.told)
    assert call["args"]["image"] == URI


@pytest.mark.parametrize("as_call", [True, False])
def test_the_events_of_a_tool_hold_no_image_data(as_call, embedded):
    (tool,) = SmolVLMToolkit(model=embedded, names=["answer_question"]).get_tools()
    arguments = {"image": URI, "question": "What color is the circle?"}
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}

    async def events():
        given = call if as_call else arguments
        return [event async for event in tool.astream_events(given, version="v2")]

    told = asyncio.run(events())
    assert told[0]["event"] == "on_tool_start" and "red" in repr(told[-1])
    check(told)

"""Every image block of LangChain, by every way of calling, gives what the core gives."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.support.paths import ROOT

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_smolvlm import ChatSmolVLM
from langchain_smolvlm.messages import to_messages

from smolvlm_tools import (
    BadEncoding,
    BadPrompt,
    ImagePolicy,
    InputError,
    SharedEngine,
    UnsupportedFormat,
    UrlNotAllowed,
)

IMAGES = ROOT / "examples" / "images"
SHAPES, RECEIPT = IMAGES / "shapes.png", IMAGES / "receipt.png"
TEXT = base64.b64encode(SHAPES.read_bytes()).decode()
DATA = f"data:image/png;base64,{TEXT}"
URL = "https://images.example/shapes.png"
QUESTION = "What color is the circle?"
HAS_EVENTS_V3 = hasattr(ChatSmolVLM, "_achat_model_stream_v3")

BLOCKS = {
    "v1 base64": {"type": "image", "base64": TEXT, "mime_type": "image/png"},
    "v1 base64 without mime_type": {"type": "image", "base64": TEXT},
    "v1 base64 with an id": {
        "type": "image", "base64": TEXT, "mime_type": "image/png", "id": "lc_7"},
    "v1 url": {"type": "image", "url": URL},
    "v1 url with mime_type": {"type": "image", "url": URL, "mime_type": "image/png"},
    "v1 data url": {"type": "image", "url": DATA},
    "v0 base64": {
        "type": "image", "source_type": "base64", "data": TEXT, "mime_type": "image/png"},
    "v0 base64 without mime_type": {"type": "image", "source_type": "base64", "data": TEXT},
    "v0 url": {"type": "image", "source_type": "url", "url": URL},
    "openai http": {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
    "openai data": {"type": "image_url", "image_url": {"url": DATA}},
    "openai string": {"type": "image_url", "image_url": DATA},
    "openai cache_control": {
        "type": "image_url", "image_url": {"url": DATA}, "cache_control": {"type": "ephemeral"}},
    "openai responses": {"type": "input_image", "image_url": DATA},
    "anthropic base64": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": TEXT}},
    "anthropic url": {"type": "image", "source": {"type": "url", "url": URL}},
    "gemini": {"type": "media", "inline_data": {"mime_type": "image/png", "data": TEXT}},
    "gemini media": {"type": "media", "mime_type": "image/png", "data": TEXT},
    "file v1": {"type": "file", "base64": TEXT, "mime_type": "image/png"},
    "file v1 url": {"type": "file", "url": URL, "mime_type": "image/png"},
    "file v0": {"type": "file", "source_type": "base64", "data": TEXT, "mime_type": "image/png"},
    "file openai": {"type": "file", "file": {"file_data": DATA, "filename": "shapes.png"}},
    "non_standard": {"type": "non_standard", "value": {"type": "input_image", "image_url": DATA}},
    "path": {"type": "image", "path": str(SHAPES)},
}  # fmt: skip


def turn(*content: object) -> HumanMessage:
    return HumanMessage(content=list(content))


@pytest.fixture(autouse=True)
def the_site(monkeypatch):
    """What https://images.example serves, without a network."""
    monkeypatch.setattr(
        "smolvlm_tools.images.fetch.fetch_url",
        lambda url, policy: {URL: SHAPES.read_bytes()}[url],
    )


@pytest.fixture(scope="module")
def chat(embedded):
    model = ChatSmolVLM(model=embedded, logprobs=True)
    yield model
    model.close()


@pytest.fixture(scope="module")
def expected(embedded):
    """The core, called directly."""
    source = SharedEngine(embedded)
    reply = source.get().ask(SHAPES, QUESTION, logprobs=True)
    assert reply.text == "red"
    yield reply
    source.release()


def check(message, expected):
    """The same tokens out, from as many tokens in and the same image."""
    metadata = message.response_metadata
    said = [token["token"] for token in metadata["logprobs"]["content"]]
    assert said == [token.text for token in expected.tokens]
    assert message.text == expected.text
    assert metadata["image_sha256"] == list(expected.image_sha256)
    assert message.usage_metadata["input_tokens"] == expected.usage.prompt_tokens
    assert message.usage_metadata["input_token_details"]["image"] == expected.usage.image_tokens


def joined(chunks):
    full = None
    for chunk in chunks:
        full = chunk if full is None else full + chunk
    return full


async def every(iterator):
    return [item async for item in iterator]


def by_batch(chat, messages):
    first, second = chat.batch([messages, messages])
    assert first.text == second.text
    return second


def by_sequence(chat, messages):
    return (RunnableLambda(lambda value: value) | chat).invoke(messages)


def by_prompt(chat, messages):
    return (ChatPromptTemplate.from_messages(messages) | chat).invoke({})


def by_events_v2(chat, messages):
    events = asyncio.run(every(chat.astream_events(messages, version="v2")))
    return next(e["data"]["output"] for e in events if e["event"] == "on_chat_model_end")


def by_events_v3(chat, messages):
    async def stream():
        return await (await chat.astream_events(messages, version="v3")).output

    return asyncio.run(stream())


def by_generate(chat, messages):
    return chat.generate([messages]).generations[0][0].message


def by_agenerate(chat, messages):
    return asyncio.run(chat.agenerate([messages])).generations[0][0].message


WAYS = {
    "invoke": lambda chat, messages: chat.invoke(messages),
    "ainvoke": lambda chat, messages: asyncio.run(chat.ainvoke(messages)),
    "stream": lambda chat, messages: joined(chat.stream(messages)),
    "astream": lambda chat, messages: joined(asyncio.run(every(chat.astream(messages)))),
    "batch": by_batch,
    "abatch": lambda chat, messages: asyncio.run(chat.abatch([messages, messages]))[1],
    "sequence": by_sequence,
    "events v2": by_events_v2,
    "events v3": by_events_v3,
    "generate": by_generate,
    "agenerate": by_agenerate,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", BLOCKS)
def test_every_image_block_gives_the_tokens_of_the_core(shape, way, chat, expected):
    if way == "events v3" and not HAS_EVENTS_V3:
        pytest.skip("this langchain-core has no events of version v3")
    check(WAYS[way](chat, [turn(BLOCKS[shape], {"type": "text", "text": QUESTION})]), expected)


def test_a_prompt_template_keeps_images(chat, expected):
    messages = [turn(BLOCKS["openai data"], {"type": "text", "text": QUESTION})]
    check(by_prompt(chat, messages), expected)


def test_several_images_stay_where_they_stand_between_the_texts():
    receipt = {"type": "image", "path": str(RECEIPT)}
    [message] = to_messages([turn("First", BLOCKS["v1 url"], "then", receipt, "last")])
    assert [part.type for part in message.content] == ["text", "image", "text", "image", "text"]
    assert [part.image for part in message.content if part.type == "image"] == [URL, str(RECEIPT)]


def test_images_of_tools_are_seen_like_any_other(chat, embedded):
    result = ToolMessage(content=[BLOCKS["v1 base64"]], tool_call_id="1")
    call = AIMessage("", tool_calls=[{"name": "look", "args": {"at": 1}, "id": "1"}])
    reply = chat.invoke([HumanMessage("Look."), call, result, HumanMessage(QUESTION)])
    assert len(reply.response_metadata["image_sha256"]) == 1
    assert reply.usage_metadata["input_token_details"]["image"] > 0


def test_every_kind_of_message_becomes_a_turn():
    call = {"name": "add", "args": {"a": 1}, "id": "1"}
    turns = to_messages(
        [
            SystemMessage("Be brief."),
            HumanMessage("Hi", name="ada"),
            AIMessage("", tool_calls=[call]),
            ToolMessage("2", tool_call_id="1"),
            ToolMessage("broken", tool_call_id="2", status="error"),
            FunctionMessage("3", name="add"),
            ChatMessage("ok", role="assistant"),
            AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Yes"}]),
        ]
    )
    assert [turn.role for turn in turns] == [
        "system", "user", "assistant", "user", "user", "user", "assistant", "assistant",
    ]  # fmt: skip
    assert ["".join(part.text for part in turn.content) for turn in turns] == [
        "Be brief.",
        "Hi",
        'Tool call: add({"a": 1})',
        "Tool result: 2",
        "Tool error: broken",
        "Tool result: 3",
        "ok",
        "Yes",
    ]


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ({"type": "image", "file_id": "file-1"}, BadPrompt),
        ({"type": "image", "source_type": "id", "id": "file-1"}, BadPrompt),
        ({"type": "image"}, BadPrompt),
        ({"type": "image", "url": "/etc/passwd"}, UrlNotAllowed),
        ({"type": "image_url", "image_url": "file:///etc/passwd"}, UrlNotAllowed),
        ({"type": "image_url", "image_url": {"url": None}}, UrlNotAllowed),
        ({"type": "image_url", "image_url": {}}, UrlNotAllowed),
        ({"type": "audio", "base64": TEXT, "mime_type": "audio/wav"}, UnsupportedFormat),
        ({"type": "video", "url": URL}, UnsupportedFormat),
        ({"type": "file", "base64": "UEs=", "mime_type": "application/zip"}, UnsupportedFormat),
        ({"type": "file", "url": URL}, UnsupportedFormat),
        ({"type": "tool_use", "name": "x"}, UnsupportedFormat),
        ({"type": "video", "source": {"url": URL}}, UnsupportedFormat),
        ({"type": "media", "data": TEXT}, UnsupportedFormat),
        ({"type": "text-plain", "base64": "aGk="}, UnsupportedFormat),
        ({"type": "input_audio", "input_audio": {"data": "AA"}}, UnsupportedFormat),
        ({"shape": "unheard of"}, BadPrompt),
    ],
)
def test_a_block_that_is_not_understood_is_an_error(block, error):
    with pytest.raises(error):
        to_messages([turn(block)])


def test_an_unknown_role_is_an_error():
    with pytest.raises(BadPrompt, match="'narrator'"):
        to_messages([ChatMessage("hm", role="narrator")])


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_an_image_that_cannot_be_read_is_the_cores_error(way, chat):
    wrong = {"type": "image", "base64": TEXT, "mime_type": "image/jpeg"}
    broken = {"type": "image", "base64": TEXT[:200]}
    with pytest.raises(BadEncoding, match="claims to be 'image/jpeg'"):
        WAYS[way](chat, [turn(wrong)])
    with pytest.raises(InputError):
        WAYS[way](chat, [turn(broken)])


def test_the_policy_decides_which_paths_and_urls_are_read(embedded, tmp_path):
    narrow = ChatSmolVLM(
        model=embedded, policy=ImagePolicy(allowed_roots=(tmp_path,), allow_urls=False)
    )
    with pytest.raises(InputError, match="outside the allowed folders"):
        narrow.invoke([turn(BLOCKS["path"], QUESTION)])
    assert narrow.invoke([turn(BLOCKS["v1 base64"], QUESTION)]).text == "red"
    narrow.close()


def test_messages_of_the_caller_are_left_as_they_are(chat):
    message = turn(dict(BLOCKS["v1 base64 without mime_type"]), QUESTION)
    chat.invoke([message])
    assert "mime_type" not in message.content[0]

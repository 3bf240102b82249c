"""`SmolVLMLLM`: messages with images, streams, options, and each on an event loop."""

from __future__ import annotations

import asyncio
import base64
import gc
import pickle
from io import BytesIO

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

from llama_index.core.base.llms import types
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
)
from llama_index.llms.smolvlm import SmolVLMLLM, to_messages
from llama_index.readers.smolvlm import EngineMissing

from smolvlm_tools import (
    BadOptions,
    BadPrompt,
    CorruptImage,
    ImagePolicy,
    PathNotAllowed,
    SmolVLM,
    UnsupportedFormat,
    UrlNotAllowed,
)
from tests.support.gated import check_cancelling_frees_the_engine, check_free_within_two_forwards
from tests.support.llama_index_questions import QUESTION, about_shapes, asked
from tests.support.paths import SHAPES

ENCODED = base64.b64encode(SHAPES.read_bytes())


def test_it_is_an_llm_by_its_base_classes():
    names = [base.__name__ for base in SmolVLMLLM.__mro__]
    assert {"LLM", "BaseLLM", "BaseComponent"} <= set(names)
    assert not {"CustomLLM", "FunctionCallingLLM", "MultiModalLLM"} & set(names)


def test_metadata_are_known_without_loading_weights(embedded):
    metadata = SmolVLMLLM(model=embedded, max_new_tokens=7, load_options={"threads": 3}).metadata
    assert metadata.context_window == 8192 and metadata.num_output == 7
    assert metadata.is_chat_model and not metadata.is_function_calling_model
    assert metadata.model_name == embedded


def test_metadata_of_a_given_engine_are_its_own(counting):
    _, vlm = counting
    assert SmolVLMLLM(engine=vlm).metadata.context_window == 8192


@pytest.mark.parametrize(
    "block",
    [
        ImageBlock(path=SHAPES),
        ImageBlock(image=SHAPES.read_bytes()),
        ImageBlock(image=ENCODED),
        ImageBlock(url="data:image/png;base64," + ENCODED.decode()),
        DocumentBlock(data=SHAPES.read_bytes(), document_mimetype="image/png"),
    ],
    ids=["path", "bytes", "base64", "data-uri", "document"],
)
def test_every_image_block_gives_what_the_core_gives(llm, embedded, block):
    for _ in range(2):  # a block may be sent again
        response = llm.chat(asked(block))
    with SmolVLM.load(embedded) as vlm:
        core = vlm.ask(SHAPES, QUESTION)
    assert response.message.content == core.text == "red"
    assert response.message.role == MessageRole.ASSISTANT
    assert response.raw["usage"]["prompt_tokens"] == core.usage.prompt_tokens
    assert response.raw["image_sha256"] == list(core.image_sha256)
    assert response.additional_kwargs["image_tokens"] == core.usage.image_tokens


@pytest.mark.skipif(
    "IOBase" not in str(ImageBlock.model_fields["image"].annotation),
    reason="blocks of this llama-index-core take no file objects",
)
def test_a_file_object_is_rewound_so_that_its_block_can_be_sent_again(llm):
    block = ImageBlock(image=BytesIO(SHAPES.read_bytes()))
    assert [llm.chat(asked(block)).message.content for _ in range(2)] == ["red", "red"]


@pytest.mark.skipif(
    not hasattr(types, "ToolCallBlock"), reason="this llama-index-core has no such blocks"
)
def test_calls_of_tools_become_text_and_thoughts_stay_unsaid():
    blocks = [
        types.ThinkingBlock(content="hm"),
        types.ToolCallBlock(tool_name="look", tool_kwargs={"at": "it"}),
    ]
    (message,) = to_messages([ChatMessage(role="assistant", blocks=blocks)])
    assert [part.text for part in message.content] == ['Tool call: look({"at": "it"})']


def test_images_and_texts_keep_their_order():
    (message,) = to_messages(
        [
            ChatMessage(
                blocks=[
                    TextBlock(text="one"),
                    ImageBlock(path=SHAPES),
                    TextBlock(text="two"),
                    ImageBlock(path=SHAPES),
                ]
            )
        ]
    )
    assert [part.type for part in message.content] == ["text", "image", "text", "image"]


def test_every_role_has_its_place():
    roles = [to_messages([ChatMessage(role=role, content="x")])[0].role for role in MessageRole]
    assert set(roles) == {"system", "user", "assistant"}
    (told,) = to_messages([ChatMessage(role="tool", blocks=[ImageBlock(path=SHAPES)])])
    assert told.role == "user" and [part.type for part in told.content] == ["text", "image"]


def test_a_mark_for_a_cache_is_no_content():
    mark = CachePoint(cache_control={"type": "ephemeral"})
    (message,) = to_messages([ChatMessage(blocks=[mark, TextBlock(text="x")])])
    assert [part.text for part in message.content] == ["x"]


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (AudioBlock(audio=b"RIFF"), UnsupportedFormat),
        (DocumentBlock(data=b"PK", document_mimetype="application/zip"), UnsupportedFormat),
        (DocumentBlock(data=b"%PDF-1.4", document_mimetype="application/pdf"), CorruptImage),
        (ImageBlock(), BadPrompt),
        (ImageBlock(url=SHAPES.as_uri()), UrlNotAllowed),
        (ImageBlock(url="ftp://host/a.png"), UrlNotAllowed),
    ],
    ids=["audio", "zip", "broken-pdf", "empty", "file-url", "ftp"],
)
def test_a_block_that_cannot_be_shown_is_an_error(llm, block, error):
    with pytest.raises(error):
        llm.chat(asked(block))


def test_the_policy_holds_for_blocks(embedded, tmp_path):
    narrow = SmolVLMLLM(model=embedded, policy=ImagePolicy(allowed_roots=(tmp_path,)))
    with pytest.raises(PathNotAllowed):
        narrow.chat(about_shapes())
    narrow.close()


def test_streams_are_cumulative_and_end_with_the_result(llm):
    chunks = list(llm.stream_chat(asked(ImageBlock(path=SHAPES), "Describe this image.")))
    text = ""
    for chunk in chunks:
        text += chunk.delta
        assert chunk.message.content == text
    assert "red circle" in text
    assert chunks[-1].raw["text"] == text and chunks[-1].additional_kwargs["total_tokens"] > 0
    assert all(chunk.raw is None for chunk in chunks[:-1])


def test_completions_are_chats_of_one_turn(llm):
    whole = llm.complete("Hello")
    chunks = list(llm.stream_complete("Hello"))
    assert whole.text == chunks[-1].text == "".join(chunk.delta for chunk in chunks)
    assert whole.text == llm.chat([ChatMessage(content="Hello")]).message.content


def test_every_async_twin_says_the_same(llm):
    async def all_of_them():
        assert (await llm.achat(about_shapes())).message.content == "red"
        chunks = [chunk async for chunk in await llm.astream_chat(about_shapes())]
        assert chunks[-1].message.content == "red" and chunks[-1].raw["finish_reason"] == "stop"
        whole = await llm.acomplete("Hello")
        parts = [part async for part in await llm.astream_complete("Hello")]
        assert whole.text == parts[-1].text == llm.complete("Hello").text

    asyncio.run(all_of_them())


def test_options_come_with_the_call_over_the_fields(counting):
    _, vlm = counting

    def said(fields, **call):
        llm = SmolVLMLLM(engine=vlm, **fields)
        return llm.complete("Hello", **call).additional_kwargs["completion_tokens"]

    whole = said({})
    assert whole > 2
    assert said({"max_new_tokens": 1}) == said({"max_tokens": 1}) == said({}, max_tokens=1) == 1
    assert said({"max_new_tokens": 1, "max_tokens": 2}) == 1
    assert said({"max_new_tokens": 1}, max_tokens=2) == said({"max_tokens": 1}, max_new_tokens=2)
    assert said({"max_new_tokens": 1}, max_new_tokens=None) == 1
    stopped = SmolVLMLLM(engine=vlm, stop=["shape"]).complete("Hello")
    assert stopped.text.strip() == "a"
    assert len(SmolVLMLLM(engine=vlm).complete("Hello", logprobs=True).raw["tokens"]) == whole
    with pytest.raises(BadOptions, match="max_token_s"):
        SmolVLMLLM(engine=vlm).complete("Hello", max_token_s=1)


def test_the_loop_is_free_while_the_model_works_and_leaving_stops_it(talking):
    backend, vlm = talking
    llm = SmolVLMLLM(engine=vlm)

    check_cancelling_frees_the_engine(backend, vlm, lambda: llm.achat(about_shapes()))


def test_leaving_a_stream_stops_the_engine(talking):
    backend, vlm = talking
    llm = SmolVLMLLM(engine=vlm)

    async def leave():
        backend.gate.release(3)
        async for chunk in await llm.astream_chat(about_shapes()):
            assert chunk.delta
            break
        gc.collect()

    asyncio.run(leave())
    check_free_within_two_forwards(backend, vlm)
    for chunk in llm.stream_chat(about_shapes()):
        assert chunk.delta
        break
    del chunk
    gc.collect()
    assert vlm.describe(SHAPES, max_new_tokens=3).usage.completion_tokens == 3


def test_it_survives_pickling_and_dicts(llm):
    tuned = SmolVLMLLM(model=llm.model, max_new_tokens=5, temperature=0.0, stop=["x"])
    tuned.chat(about_shapes())  # with an engine behind it
    for copy in (
        pickle.loads(pickle.dumps(tuned)),
        SmolVLMLLM.from_dict(tuned.to_dict()),
        SmolVLMLLM.from_json(tuned.to_json()),
    ):
        assert copy.to_dict() == tuned.to_dict() and copy.max_new_tokens == 5
        assert copy.chat(about_shapes()).message.content == "red"


def test_llms_of_one_configuration_share_an_engine(embedded):
    one, other = SmolVLMLLM(model=embedded), SmolVLMLLM(model=embedded, temperature=0.5)
    one.complete("Hello", max_new_tokens=1)
    assert one.source().loaded is other.source().loaded is not None
    one.close()


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EngineMissing, match="no model"):
        SmolVLMLLM(model=str(tmp_path / "no model")).complete("Hello")

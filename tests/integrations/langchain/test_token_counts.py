"""`get_num_tokens` and `get_num_tokens_from_messages`: what the engine will really read."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_smolvlm import ChatSmolVLM, ToolsNotSupported

from smolvlm_tools import BadOptions, ImageNotFound, SharedEngine, load_image
from tests.support.documents import pdf_only
from tests.support.langchain_scenes import ask
from tests.support.llama_index_scenes import paged
from tests.support.paths import RECEIPT, SHAPES

QUESTION = {"type": "text", "text": "What color is the circle?"}
ENCODED = {"type": "image", "base64": base64.b64encode(SHAPES.read_bytes()).decode()}


def image(path):
    return {"type": "image", "path": str(path)}


CONVERSATIONS = {
    "text": [HumanMessage("What color is the circle?")],
    "several turns": [
        SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("Why?"),
    ],
    "one image": [HumanMessage([image(SHAPES), QUESTION])],
    "base64": [HumanMessage([ENCODED, QUESTION])],
    "several images": [HumanMessage([image(SHAPES), image(RECEIPT), QUESTION])],
    "images in two turns": [*ask(), AIMessage("red"), HumanMessage([image(RECEIPT), QUESTION])],
}  # fmt: skip


def used(chat, messages, **options):
    reply = chat.invoke(messages, max_tokens=1, **options)
    return reply.usage_metadata["input_tokens"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_count_is_what_the_engine_reads(name, chat):
    messages = CONVERSATIONS[name]
    assert chat.get_num_tokens_from_messages(messages) == used(chat, messages)


@pytest.mark.parametrize("resolution", ["auto", "native", 1, 2, 4])
def test_the_count_knows_the_resolution_of_the_model_and_of_the_call(resolution, embedded):
    own = ChatSmolVLM(model=embedded, resolution=resolution)
    plain = ChatSmolVLM(model=embedded)
    counted = own.get_num_tokens_from_messages(ask())
    assert counted == plain.get_num_tokens_from_messages(ask(), resolution=resolution)
    assert counted == used(own, ask()) == used(plain, ask(), resolution=resolution)
    own.close()


def test_a_task_may_raise_the_resolution_of_small_images(chat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_image(SHAPES).pixels.resize((64, 64)).save("small.png")
    messages = [HumanMessage([image("small.png"), QUESTION])]
    counts = [chat.get_num_tokens_from_messages(messages, task=t) for t in (None, "transcribe")]
    assert counts == [used(chat, messages, task=t) for t in (None, "transcribe")]


def test_pages_are_counted_one_by_one(chat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paged(tmp_path / "scan.tif", ["red", "green", "blue"])
    counts = [
        chat.get_num_tokens_from_messages(asked)
        for pages in ("2", "1,3", "1-3")
        for asked in [[HumanMessage([{**image("scan.tif"), "pages": pages}, QUESTION])]]
    ]
    asked = [HumanMessage([{**image("scan.tif"), "pages": "1-3"}, QUESTION])]
    assert counts == sorted(set(counts)) and counts[-1] == used(chat, asked)


@pdf_only
def test_pages_of_a_pdf_are_counted(chat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paged(tmp_path / "scan.pdf", ["red", "blue"])
    data = base64.b64encode((tmp_path / "scan.pdf").read_bytes()).decode()
    block = {"type": "file", "base64": data, "mime_type": "application/pdf", "pages": "1-2"}
    openai = {
        "type": "file",
        "file": {"file_data": f"data:application/pdf;base64,{data}", "pages": "1-2"},
    }
    for each in (block, openai):
        messages = [HumanMessage([each, QUESTION])]
        assert chat.get_num_tokens_from_messages(messages) == used(chat, messages)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_counting_loads_no_weights(name, embedded, monkeypatch):
    chat = ChatSmolVLM(model=embedded, load_options={"batch_size": 5})
    monkeypatch.setattr(SharedEngine, "get", None)
    monkeypatch.setattr(SharedEngine, "aget", None)
    assert chat.get_num_tokens_from_messages(CONVERSATIONS[name]) > 0
    assert chat.get_num_tokens("What color is the circle?") > 0
    assert chat._source({}).loaded is None


def test_a_given_engine_counts_alike(chat):
    engine = chat._source({}).get()
    given = ChatSmolVLM(engine=engine)
    assert given.get_num_tokens_from_messages(ask()) == chat.get_num_tokens_from_messages(ask())
    assert given.get_token_ids("Hello") == chat.get_token_ids("Hello")


def test_the_tokens_of_a_text_are_those_it_adds_to_a_prompt(chat):
    def counted(text):
        return chat.get_num_tokens_from_messages([HumanMessage(text)])

    text = "What color is the circle?"
    assert chat.get_num_tokens(text) == len(chat.get_token_ids(text))
    assert counted(f"{text} {text}") - counted(text) == chat.get_num_tokens(f" {text}")


def test_more_than_the_context_holds_is_counted_too(chat):
    context = chat._source({}).get().plan(SHAPES).context_length
    long = [HumanMessage("circle " * context * 2)]
    assert chat.get_num_tokens_from_messages(long) > context
    shown = 3 * chat.get_num_tokens_from_messages(ask())
    kept = trim_messages(
        [*ask(), AIMessage("red")] * 20 + ask(), max_tokens=shown, token_counter=chat
    )
    assert 0 < len(kept) < 41 and chat.get_num_tokens_from_messages(kept) <= shown


def test_what_is_wrong_with_messages_is_said_when_they_are_counted(chat):
    with pytest.raises(ImageNotFound):
        chat.get_num_tokens_from_messages([HumanMessage([image("none.png")])])
    with pytest.raises(ToolsNotSupported):
        chat.get_num_tokens_from_messages(ask(), tools=[{"name": "x"}])
    remote = ChatSmolVLM(backend="remote", base_url="http://127.0.0.1:9/v1", model="x")
    with pytest.raises(BadOptions, match="server cuts the images"):
        remote.get_num_tokens_from_messages(ask())

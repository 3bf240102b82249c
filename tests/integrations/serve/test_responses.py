"""Responses by OpenAI's own client, over a real socket."""

from __future__ import annotations

import json
import time

import openai
import pytest

from smolvlm_tools import SmolVLM
from tests.support.gated import PATIENCE
from tests.support.paths import SHAPES
from tests.support.serve_clients import COUNT, DATA, near, openai_client, post

COLOR, HOW_MANY = "What color is the circle?", "How many shapes are there?"


@pytest.fixture(scope="module")
def client(url):
    with openai_client(url) as client:
        yield client


def looking(text=COLOR, image=None):
    image = image or {"type": "input_image", "image_url": DATA}
    return [{"role": "user", "content": [image, {"type": "input_text", "text": text}]}]


def asked(client, question=COLOR, **options):
    return client.responses.create(model="embedded", input=looking(question), **options)


def test_a_response_is_the_engines_own_answer(client, vlm):
    reply = asked(client, include=["message.output_text.logprobs"])
    own = vlm.ask(SHAPES, COLOR, logprobs=True)
    assert (reply.output_text, reply.status) == (own.text, "completed")
    assert reply.smolvlm["confidence"] == near(own.confidence)
    known = [token.logprob for token in reply.output[0].content[0].logprobs]
    assert known == near([token.logprob for token in own.tokens])
    used = reply.usage
    assert (used.input_tokens, used.output_tokens) == (
        own.usage.prompt_tokens,
        own.usage.completion_tokens,
    )
    assert used.total_tokens == used.input_tokens + used.output_tokens
    assert used.output_tokens_details.reasoning_tokens == 0


def test_a_text_alone_is_an_input(client):
    reply = client.responses.create(model="embedded", input="Hello")
    assert "demonstration model" in reply.output_text
    assert client.responses.create(
        model="embedded", input="Hello", instructions="Be brief."
    ).usage.input_tokens > (reply.usage.input_tokens)


def test_a_file_is_an_input(client):
    sent = client.files.create(file=SHAPES, purpose="vision")
    for part in (
        {"type": "input_file", "file_id": sent.id},
        {"type": "input_image", "file_id": sent.id},
        {"type": "input_file", "file_data": DATA, "filename": "shapes.png"},
    ):
        reply = client.responses.create(model="embedded", input=looking(image=part))
        assert reply.output_text == "red"
    client.files.delete(sent.id)


def test_the_events_of_a_stream_come_in_their_order(client):
    whole = asked(client, "Describe the image.")
    events = [*asked(client, "Describe the image.", stream=True)]
    assert [event.sequence_number for event in events] == [*range(len(events))]
    kinds = [event.type.removeprefix("response.") for event in events]
    before, after = kinds[:4], kinds[-4:]
    assert before == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    assert after == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert "".join(event.delta for event in events[4:-4]) == whole.output_text
    assert events[-4].text == events[-1].response.output_text == whole.output_text
    assert {event.item_id for event in events[3:-2]} == {events[-1].response.output[0].id}
    assert client.responses.retrieve(events[0].response.id).output_text == whole.output_text


def test_the_clients_own_gatherer_understands_the_stream(client):
    with client.responses.stream(model="embedded", input=looking()) as events:
        for _ in events:
            pass
        assert events.get_final_response().output_text == "red"


def test_a_cut_response_says_so(client):
    reply = asked(client, "Describe the image.", max_output_tokens=4)
    assert (reply.status, reply.usage.output_tokens) == ("incomplete", 4)
    assert reply.incomplete_details.reason == "max_output_tokens"
    *_, last = asked(client, "Describe the image.", max_output_tokens=4, stream=True)
    assert last.type == "response.incomplete"


@pytest.mark.parametrize(
    "form", [{"type": "json_schema", "name": "n", "schema": COUNT}, {"type": "json_object"}]
)
def test_json_is_kept_to(client, form):
    reply = asked(client, HOW_MANY, text={"format": form})
    assert json.loads(reply.output_text)["count"] == 3
    assert reply.text.format.type == form["type"]


def test_a_pydantic_model_of_the_client_is_filled(client):
    from pydantic import BaseModel

    class Count(BaseModel):
        count: int

    reply = client.responses.parse(model="embedded", input=looking(HOW_MANY), text_format=Count)
    assert reply.output_parsed == Count(count=3)


def test_a_conversation_goes_on_from_a_response(client, vlm):
    first = asked(client, metadata={"run": "7"}, instructions="Answer with one word.")
    assert first.metadata == {"run": "7"}
    then = client.responses.create(model="embedded", input=HOW_MANY, previous_response_id=first.id)
    assert then.output_text == "3"
    image = {"role": "user", "content": [{"type": "image", "image": SHAPES}]}
    image["content"].append({"type": "text", "text": COLOR})
    said = [image, {"role": "assistant", "content": "red"}, {"role": "user", "content": HOW_MANY}]
    assert then.usage.input_tokens == vlm.generate(said).usage.prompt_tokens


def test_a_response_is_kept_until_it_is_deleted(client):
    reply = asked(client)
    assert client.responses.retrieve(reply.id).output_text == "red"
    client.responses.delete(reply.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(reply.id)
    not_kept = asked(client, store=False)
    for call in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            call(not_kept.id)


def test_a_response_is_made_in_the_background(client):
    reply = asked(client, background=True)
    until = time.monotonic() + PATIENCE
    while reply.status in ("queued", "in_progress"):
        assert time.monotonic() < until
        reply = client.responses.retrieve(reply.id)
    assert (reply.status, reply.output_text) == ("completed", "red")
    assert client.responses.cancel(reply.id).status == "completed"


def test_what_goes_wrong_in_the_background_is_told_later(client):
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    reply = client.responses.create(model="embedded", input=looking(image=image), background=True)
    until = time.monotonic() + PATIENCE
    while reply.status in ("queued", "in_progress"):
        assert time.monotonic() < until
        reply = client.responses.retrieve(reply.id)
    assert (reply.status, reply.error.code) == ("failed", "invalid_prompt")
    with pytest.raises(openai.BadRequestError, match="failed"):
        client.responses.create(model="embedded", input="Why?", previous_response_id=reply.id)


def test_only_what_is_in_the_background_is_cancelled(client):
    with pytest.raises(openai.BadRequestError, match="in the background"):
        client.responses.cancel(asked(client).id)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"truncation": "auto"}, "truncation"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"include": ["web_search_call.results"]}, "web_search_call.results"),
        ({"background": True, "stream": True}, "stream"),
        ({"background": True, "store": False}, "store"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format"),
        ({"text": {"tone": "kind"}}, "text.tone"),
        ({"extra_body": {"max_tokens": 3}}, "max_tokens"),
        ({"metadata": {"a": "b" * 513}}, "metadata.a"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"max_output_tokens": 0}, "max_new_tokens"),
    ],
)
def test_what_would_be_without_effect_is_refused_by_name(client, options, said):
    with pytest.raises(openai.BadRequestError) as caught:
        asked(client, **options)
    assert said in caught.value.body["message"]


def test_an_item_that_means_nothing_is_refused(client):
    item = {"type": "function_call_output", "call_id": "1", "output": "2"}
    with pytest.raises(openai.BadRequestError, match="function_call_output"):
        client.responses.create(model="embedded", input=[item])
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="embedded", input="a", previous_response_id="resp_1")


@pytest.mark.skipif(not hasattr(SmolVLM, "count_tokens"), reason="this engine counts no tokens")
def test_the_tokens_of_an_input_are_counted_before_it_runs(client, url):
    counted = client.responses.input_tokens.count(model="embedded", input=looking())
    assert counted.input_tokens == asked(client).usage.input_tokens
    body = {"model": "embedded", "messages": [{"role": "user", "content": "Hello"}]}
    found = post(url, "/v1/chat/completions/input_tokens", body).json()
    reply = client.chat.completions.create(**body)
    assert found["input_tokens"] == reply.usage.prompt_tokens

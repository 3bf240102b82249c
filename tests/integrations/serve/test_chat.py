"""Chat completions and models by OpenAI's own client, over a real socket."""

from __future__ import annotations

import io
import json

import openai
import pytest
from PIL import Image

from tests.support.paths import RECEIPT, SHAPES
from tests.support.serve_clients import COUNT, DATA, looking, near, openai_client, post

COLOR, HOW_MANY = "What color is the circle?", "How many shapes are there?"


@pytest.fixture(scope="module")
def client(url):
    with openai_client(url) as client:
        yield client


def asked(client, text=COLOR, images=(DATA,), **options):
    return client.chat.completions.create(
        model="embedded", messages=[looking(text, *images)], **options
    )


def test_the_models_say_that_they_see(client):
    (model,) = client.models.list().data
    assert model.id == "embedded"
    assert model.architecture["input_modalities"] == ["text", "image"]
    assert client.models.retrieve("embedded").loaded["backend"] == "onnx"


def test_an_answer_is_the_engines_own(client, vlm):
    reply = asked(client, logprobs=True)
    own = vlm.ask(SHAPES, COLOR, logprobs=True)
    assert reply.choices[0].message.content == own.text == "red"
    assert reply.choices[0].finish_reason == "stop"
    tokens = [(token.token, token.logprob) for token in reply.choices[0].logprobs.content]
    assert tokens == [(token.text, near(token.logprob)) for token in own.tokens]
    assert reply.smolvlm["confidence"] == near(own.confidence)
    assert reply.usage.prompt_tokens == own.usage.prompt_tokens
    assert reply.usage.completion_tokens == own.usage.completion_tokens
    assert reply.usage.total_tokens == own.usage.prompt_tokens + own.usage.completion_tokens


def test_a_stream_joins_to_the_whole_reply_and_ends_with_what_it_took(client):
    whole = asked(client, "Describe the image.")
    chunks = [*asked(client, "Describe the image.", stream=True)]
    assert all(chunk.usage is None for chunk in chunks)
    chunks = [
        *asked(client, "Describe the image.", stream=True, stream_options={"include_usage": True})
    ]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-2].smolvlm["confidence"] == near(whole.smolvlm["confidence"])
    assert not chunks[-1].choices
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_several_images_are_seen_in_their_order(client, vlm):
    reply = asked(client, images=(DATA, DATA))
    assert len(reply.smolvlm["image_sha256"]) == 2
    assert reply.usage.prompt_tokens == vlm.ask([SHAPES, SHAPES], COLOR).usage.prompt_tokens


def test_a_handle_of_a_tool_names_an_image_in_a_conversation(client, url):
    loaded = post(url, "/v1/tools/load_image", {"image": DATA}).json()
    assert asked(client, images=(loaded["handle"],)).choices[0].message.content == "red"


@pytest.fixture
def book():
    """A PDF of two pages: shapes and a receipt."""
    pages = [Image.open(path).convert("RGB") for path in (SHAPES, RECEIPT)]
    target = io.BytesIO()
    pages[0].save(target, "PDF", save_all=True, append_images=pages[1:])
    return target.getvalue()


def test_a_page_of_a_document_is_chosen(client, book):
    sent = client.files.create(file=("book.pdf", book), purpose="user_data")
    assert sent.pages == 2

    def about(**extra):
        part = {"type": "file", "file": {"file_id": sent.id}}
        message = {"role": "user", "content": [part, {"type": "text", "text": COLOR}]}
        return client.chat.completions.create(
            model="embedded", messages=[message], extra_body=extra
        )

    assert about(pages="1").choices[0].message.content == "red"
    with pytest.raises(openai.BadRequestError, match="2 pages"):
        about()
    client.files.delete(sent.id)


def test_a_schema_is_kept_to(client):
    form = {"type": "json_schema", "json_schema": {"name": "count", "schema": COUNT}}
    reply = asked(client, HOW_MANY, response_format=form)
    assert json.loads(reply.choices[0].message.content) == {"count": 3}
    assert reply.smolvlm["field_confidence"]["/count"] > 0


def test_json_is_kept_to_without_a_schema(client):
    reply = asked(client, HOW_MANY, response_format={"type": "json_object"})
    assert isinstance(json.loads(reply.choices[0].message.content), dict)


def test_a_pydantic_model_of_the_client_is_filled(client):
    from pydantic import BaseModel

    class Count(BaseModel):
        count: int

    reply = client.chat.completions.parse(
        model="embedded", messages=[looking(HOW_MANY, DATA)], response_format=Count
    )
    assert reply.choices[0].message.parsed == Count(count=3)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_reply_is_cut_where_it_is_said(client, name):
    reply = asked(client, "Describe the image.", **{name: 4})
    assert (reply.choices[0].finish_reason, reply.usage.completion_tokens) == ("length", 4)
    with pytest.raises(openai.BadRequestError):
        asked(client, **{name: 0})


def test_a_stop_text_ends_a_reply(client):
    whole = asked(client, "Describe the image.").choices[0].message.content
    word = whole.split()[2]
    cut = asked(client, "Describe the image.", stop=[word]).choices[0]
    assert (cut.message.content, cut.finish_reason) == (whole.split(word)[0].strip(), "stop")


def test_a_seed_makes_chance_repeatable(client):
    options = {"seed": 7, "temperature": 1.5, "top_p": 0.95, "max_tokens": 12}
    texts = {
        asked(client, "Describe the image.", **options).choices[0].message.content for _ in range(2)
    }
    assert len(texts) == 1


def test_null_means_the_default(url):
    body = {"messages": [looking(COLOR, DATA)], "stream": None, "temperature": None, "tools": None}
    assert post(url, "/v1/chat/completions", body).status_code == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 2}, "n: one reply"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "/v1/tools/NAME"),
        ({"top_logprobs": 3, "logprobs": True}, "top_logprobs"),
        ({"presence_penalty": 1.0}, "presence_penalty"),
        ({"extra_body": {"temprature": 1}}, "unknown parameter 'temprature'"),
        ({"temperature": -1}, "temperature"),
        ({"response_format": {"type": "yaml"}}, "yaml"),
    ],
)
def test_what_would_be_without_effect_is_refused_by_name(client, options, said):
    with pytest.raises(openai.BadRequestError) as caught:
        asked(client, **options)
    assert said in caught.value.body["message"]
    assert caught.value.type == "invalid_request_error"


def test_errors_have_the_status_that_clients_know(client):
    with pytest.raises(openai.BadRequestError, match="image"):
        asked(client, images=("data:image/png;base64,AAAA",))
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=[looking(COLOR, DATA)])
    assert caught.value.code == "model_not_found" and "embedded" in str(caught.value)
    with pytest.raises(openai.PermissionDeniedError):
        asked(client, images=("https://example.org/cat.png",))
    with pytest.raises(openai.BadRequestError, match="no image"):
        asked(client, images=(str(SHAPES),))

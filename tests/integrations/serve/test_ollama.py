"""Ollama's API by its own client, over a real socket."""

from __future__ import annotations

import base64
import json

import pytest

from tests.support.gated import PATIENCE
from tests.support.paths import SHAPES
from tests.support.serve_clients import CLIENT, COUNT, DATA, get, near, post

ollama = pytest.importorskip("ollama")

COLOR, HOW_MANY = "What color is the circle?", "How many shapes are there?"
BASE64 = base64.b64encode(SHAPES.read_bytes()).decode()


@pytest.fixture(scope="module")
def client(url):
    client = ollama.Client(url, timeout=PATIENCE)
    yield client
    client.close()


def chatted(client, text=COLOR, image=SHAPES, **more):
    message = {"role": "user", "content": text, "images": [image]}
    return client.chat("embedded", messages=[message], **more)


@pytest.mark.parametrize(
    "image", [SHAPES, str(SHAPES), SHAPES.read_bytes(), BASE64], ids=["path", "name", "bytes", "64"]
)
def test_a_chat_is_the_engines_own_answer(client, vlm, image):
    reply, own = chatted(client, image=image), vlm.ask(SHAPES, COLOR)
    assert reply.message.content == own.text == "red"
    assert (reply.done, reply.done_reason) == (True, "stop")
    assert reply.prompt_eval_count == own.usage.prompt_tokens
    assert reply.eval_count == own.usage.completion_tokens


def test_what_only_this_server_tells_comes_with_the_end(url, vlm):
    body = {"model": "embedded", "prompt": COLOR, "images": [BASE64], "stream": False}
    reply = post(url, "/api/generate", body).json()
    assert reply["smolvlm"]["confidence"] == near(vlm.ask(SHAPES, COLOR).confidence)


def test_durations_are_whole_nanoseconds_of_the_parts_of_the_work(url):
    body = {"model": "embedded", "prompt": COLOR, "images": [BASE64], "stream": False}
    reply = post(url, "/api/generate", body).json()
    seconds = reply["smolvlm"]["seconds"]
    assert reply["eval_duration"] == round(seconds["decode"] * 1e9)
    parts = seconds["preprocess"] + seconds["vision"] + seconds["prefill"]
    assert reply["prompt_eval_duration"] == pytest.approx(parts * 1e9)
    assert isinstance(reply["total_duration"], int) and isinstance(reply["load_duration"], int)


def test_a_reply_is_streamed_unless_it_is_said_otherwise(url):
    body = {"model": "embedded", "prompt": "Describe the image.", "images": [BASE64]}
    answer = post(url, "/api/generate", body)
    assert answer.headers["content-type"] == "application/x-ndjson"
    *pieces, last = [json.loads(line) for line in answer.text.splitlines()]
    assert not any(piece["done"] for piece in pieces) and last["done"]
    whole = post(url, "/api/generate", body | {"stream": False}).json()
    assert "".join(piece["response"] for piece in pieces) == whole["response"]
    assert last["response"] == "" and last["eval_count"] == whole["eval_count"]


def test_the_client_joins_a_stream(client):
    pieces = [*chatted(client, "Describe the image.", stream=True)]
    whole = chatted(client, "Describe the image.")
    assert "".join(piece.message.content for piece in pieces) == whole.message.content


def test_a_schema_is_kept_to(client):
    reply = client.generate("embedded", HOW_MANY, images=[SHAPES], format=COUNT)
    assert json.loads(reply.response) == {"count": 3}
    assert isinstance(json.loads(chatted(client, HOW_MANY, format="json").message.content), dict)


def test_options_reach_the_engine(client):
    about = "Describe the image."
    cut = chatted(client, about, options={"num_predict": 4})
    assert (cut.eval_count, cut.done_reason) == (4, "length")
    whole = chatted(client, about, options={"num_predict": -1, "num_ctx": 2048, "num_thread": 2})
    assert whole.done_reason == "stop"
    word = whole.message.content.split()[2]
    stopped = chatted(client, about, options={"stop": [word]})
    assert word not in stopped.message.content
    chance = {"temperature": 1.5, "top_p": 0.9, "top_k": 40, "seed": 3, "num_predict": 12}
    assert len({chatted(client, about, options=chance).message.content for _ in range(2)}) == 1
    assert chatted(client, options={"seed": -1, "repeat_penalty": 1.0}).message.content == "red"


def test_a_system_prompt_is_read(client):
    plain = client.generate("embedded", COLOR, images=[SHAPES])
    with_system = client.generate("embedded", COLOR, images=[SHAPES], system="Be brief.")
    assert with_system.prompt_eval_count > plain.prompt_eval_count


def test_probabilities_of_tokens_come_when_asked_for(client, vlm):
    reply = client.generate("embedded", COLOR, images=[SHAPES], logprobs=True)
    own = vlm.ask(SHAPES, COLOR, logprobs=True)
    assert [token.logprob for token in reply.logprobs] == near(
        [token.logprob for token in own.tokens]
    )


def test_an_image_may_be_named_as_elsewhere(url):
    message = {"role": "user", "content": COLOR, "images": [DATA]}
    body = {"model": "embedded", "messages": [message], "stream": False}
    assert post(url, "/api/chat", body).json()["message"]["content"] == "red"


def test_nothing_to_say_loads_the_model(client):
    assert client.generate("embedded").done_reason == "load"
    assert client.chat("embedded").done_reason == "load"


def test_what_is_served_is_told(client):
    (model,) = client.list().models
    assert model.model == "embedded:latest" and model.size > 10_000_000
    assert len(model.digest) == 64 and model.details.quantization_level == "int8"
    assert client.generate("embedded:latest", "Hello").done
    shown = client.show("embedded")
    assert "vision" in shown.capabilities
    assert shown.modelinfo["idefics3.context_length"] == 8192
    (running,) = client.ps().models
    assert running.context_length == 8192 and running.digest == model.digest


def test_clients_find_out_that_it_runs(url):
    assert int(get(url, "/api/version").json()["version"].split(".")[1]) >= 6
    for path in ("/", "/api/version", "/api/tags"):
        assert CLIENT.head(url + path).status_code == 200


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"model": "llava"}, 404, "these are: embedded"),
        ({"model": ""}, 400, "model"),
        ({"think": True}, 400, "think"),
        ({"raw": True}, 400, "raw"),
        ({"suffix": "end"}, 400, "suffix"),
        ({"template": "{{ .Prompt }}"}, 400, "template"),
        ({"context": [1, 2]}, 400, "context"),
        ({"top_logprobs": 2}, 400, "top_logprobs"),
        ({"format": "yaml"}, 400, "yaml"),
        ({"format": {"type": "nonsense"}}, 400, "nonsense"),
        ({"options": {"min_p": 0.1}}, 400, "options.min_p"),
        ({"options": {"mirostat": 1}}, 400, "options.mirostat"),
        ({"options": {"num_predcit": 1}}, 400, "num_predcit"),
        ({"options": {"num_predict": 0}}, 400, "max_new_tokens"),
        ({"options": {"temperature": -1}}, 400, "temperature"),
        ({"images": ["!"]}, 400, "images.0: this is no base64"),
        ({"images": ["AAAA"]}, 400, "image"),
        ({"images": ["https://example.org/cat.png"]}, 403, "URL"),
        ({"prompt": "", "keep_alive": 0}, 400, "keep_alive"),
        ({"width": 512}, 400, "width"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_errors_are_in_ollamas_form(url, more, status, said, stream):
    body = {"model": "embedded", "prompt": "Hello", "stream": stream} | more
    answer = post(url, "/api/generate", body)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"} and said in answer.json()["error"]


def test_what_there_is_not_is_said_in_ollamas_form(client):
    for call in (lambda: client.embed("embedded", "a"), lambda: client.pull("embedded")):
        with pytest.raises(ollama.ResponseError) as caught:
            call()
        assert caught.value.status_code == 404 and "docs/serve.md" in caught.value.error
    with pytest.raises(ollama.ResponseError, match="tools"):
        client.chat("embedded", messages=[{"role": "user", "content": "a"}], tools=[{}])

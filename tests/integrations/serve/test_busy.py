"""Clients that leave free their place, and those who come when there is none are told so."""

from __future__ import annotations

import http.client
import json
import threading
import time

import openai
import pytest
from smolvlm_serve.held_responses import MOST

from smolvlm_tools import Busy
from tests.support.gated import PATIENCE, check_free_within_two_forwards
from tests.support.serve_clients import DATA, get, openai_client, post
from tests.support.serve_servers import gated_server

SAID = [{"role": "user", "content": "Hello"}]
WORK = {
    "chat": ("/v1/chat/completions", {"messages": SAID}),
    "responses": ("/v1/responses", {"input": "Hello"}),
    "ollama chat": ("/api/chat", {"model": "embedded", "messages": SAID}),
    "ollama generate": ("/api/generate", {"model": "embedded", "prompt": "Hello"}),
}
OTHER_WORK = {
    "a tool": ("/v1/tools/describe_image", {"image": DATA}),
    "a decision": ("/v1/decide", {"image": DATA, "questions": [{"name": "a", "question": "b?"}]}),
}


@pytest.fixture
def gated():
    with gated_server() as found:
        yield found


def until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def running(gated):
    return get(gated.url, "/v1/stats").json()["running"]


def begin(gated, path, body):
    """Send a request by hand, so that its connection can be closed at any time."""
    host = gated.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection


def check_freed(gated):
    until(lambda: running(gated) == 0)
    check_free_within_two_forwards(gated.backend, gated.vlm)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("path", "body"), WORK.values(), ids=[*WORK])
def test_a_client_that_leaves_before_the_first_token_frees_its_place(gated, path, body, stream):
    connection = begin(gated, path, body | {"stream": stream})
    gated.backend.wait_for()
    connection.close()
    check_freed(gated)


@pytest.mark.parametrize(("path", "body"), WORK.values(), ids=[*WORK])
def test_a_client_that_leaves_amid_a_stream_frees_its_place(gated, path, body):
    connection = begin(gated, path, body | {"stream": True})
    gated.backend.gate.release(6)
    gated.backend.wait_for(7)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.readline()
    answer.close()
    connection.close()
    check_freed(gated)
    calls = [line for line in get(gated.url, "/metrics").text.splitlines() if "outcome=" in line]
    assert calls and all('outcome="cancelled"' in line for line in calls)


@pytest.mark.parametrize(("path", "body"), OTHER_WORK.values(), ids=[*OTHER_WORK])
def test_a_client_that_leaves_a_tool_frees_its_place(gated, path, body):
    connection = begin(gated, path, body)
    gated.backend.wait_for()
    connection.close()
    check_freed(gated)


def test_openais_client_closes_a_stream(gated):
    gated.backend.gate.release(6)
    with openai_client(gated.url) as client:
        stream = client.chat.completions.create(model="embedded", messages=SAID, stream=True)
        next(stream)
        gated.backend.wait_for(7)
        stream.close()
        check_freed(gated)


def test_a_response_in_the_background_is_cancelled(gated):
    with openai_client(gated.url) as client:
        reply = client.responses.create(model="embedded", input="Hello", background=True)
        gated.backend.wait_for()
        assert client.responses.retrieve(reply.id).status == "in_progress"
        assert client.responses.cancel(reply.id).status == "cancelled"
        check_freed(gated)
        assert client.responses.retrieve(reply.id).status == "cancelled"


def test_a_response_in_the_background_is_stopped_when_it_is_deleted(gated):
    with openai_client(gated.url) as client:
        reply = client.responses.create(model="embedded", input="Hello", background=True)
        gated.backend.wait_for()
        client.responses.delete(reply.id)
        check_freed(gated)


def test_who_comes_to_a_full_queue_is_told_when_to_come_again():
    with gated_server(max_queue=1, batch_size=1) as gated:
        path, body = WORK["chat"]
        threads = []
        for _ in range(2):
            threads.append(threading.Thread(target=post, args=(gated.url, path, body)))
            threads[-1].start()
            if len(threads) == 1:
                gated.backend.wait_for()
        until(lambda: is_full(gated.vlm))
        for path, body in WORK.values():
            for stream in (False, True):
                answer = post(gated.url, path, body | {"stream": stream})
                assert answer.status_code == 429, answer.text
                assert int(answer.headers["Retry-After"]) >= 1
                assert "error" in answer.json()
        with openai_client(gated.url) as client, pytest.raises(openai.RateLimitError):
            client.responses.create(model="embedded", input="Hello", background=True)
        gated.backend.open()
        for thread in threads:
            thread.join(PATIENCE)


def is_full(vlm):
    try:
        vlm.check_room()
    except Busy:
        return True
    return False


def test_a_fault_in_the_background_is_told_without_its_words(gated, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("of somebody's /secret/path")

    monkeypatch.setattr(type(gated.backend), "forward", broken)
    with openai_client(gated.url) as client:
        reply = client.responses.create(model="embedded", input="Hello", background=True)
        until(lambda: client.responses.retrieve(reply.id).status == "failed")
        error = client.responses.retrieve(reply.id).error
    assert error.code == "server_error" and "secret" not in error.message


def test_only_so_many_responses_are_kept(gated):
    gated.backend.open()
    with openai_client(gated.url) as client:

        def asked():
            return client.responses.create(model="embedded", input="Hello", max_output_tokens=1)

        first, *rest = [asked().id for _ in range(MOST + 1)]
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first)
        assert client.responses.retrieve(rest[0]).status == "incomplete"

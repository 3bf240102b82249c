"""Servers that refuse, stall, break off or send nonsense, and callers that go away."""

from __future__ import annotations

import asyncio
import threading

import pytest

from smolvlm_tools import Busy, Cancelled, Closed, ModelNotFound, SmolVLMError
from smolvlm_tools.errors import RemoteFailed, RemoteTimeout
from tests.support.chat_servers import (
    breaks_off,
    chat_server,
    delta,
    floods,
    hangs_up,
    refuses,
    says,
    sends,
    stalls,
)
from tests.support.requests import HELLO

SOON = {"Retry_After": "0"}


def ask(*script, **options):
    """The text of a reply, and how many requests it took."""
    with chat_server(*script) as server, server.engine(**options) as vlm:
        return vlm.generate(HELLO).text, len(server.requests)


def failure(*script, retries=0, **options) -> SmolVLMError:
    with pytest.raises(SmolVLMError) as caught:
        ask(*script, retries=retries, **options)
    assert str(caught.value).isprintable() and caught.value.remedy
    return caught.value


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(status):
    busy = refuses(status, **SOON)
    assert ask(busy, busy, says("yes")) == ("yes", 3)


def test_a_lost_connection_is_tried_again():
    assert ask(hangs_up, says("yes")) == ("yes", 2)


def test_tries_are_counted():
    error = failure(refuses(429, "slow down", **SOON), retries=2)
    assert type(error) is RemoteFailed and error.status == 429 and "slow down" in error.reason
    with chat_server(refuses(503, **SOON)) as server, server.engine(retries=2) as vlm:
        with pytest.raises(RemoteFailed):
            vlm.generate(HELLO)
        assert len(server.requests) == 3


def test_a_wait_that_is_too_long_is_not_waited():
    assert failure(refuses(429, Retry_After="3600"), says("yes"), retries=3).status == 429


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused(status):
    error = failure(refuses(status, "bad key sk-123"), retries=3)
    assert error.status == status and "SMOLVLM_API_KEY" in error.remedy
    assert "sk-123" not in str(error)


def test_a_model_that_is_not_there():
    error = failure(refuses(404, "The model `x` does not exist."), retries=3)
    assert type(error) is ModelNotFound and "does not exist" in error.reason


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_refusal_quotes_the_server_within_bounds(status):
    error = failure(refuses(status, "too\n\x1b[31mlong\u202e" + "x" * 9000), retries=3)
    assert type(error) is RemoteFailed and error.status == status
    assert "too" in error.reason and len(error.reason) < 500


def test_redirects_are_not_followed():
    assert failure(refuses(307, Location="http://127.0.0.1:9/v1")).status == 307


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (breaks_off, "ended before the reply"),
        (sends(b"data: {not json\n\n"), "not JSON"),
        (sends(b"data: [1, 2]\n\n"), "no reply"),
        (sends(b'data: {"choices": "none"}\n\n'), "no reply"),
        (sends(b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
        (sends(b""), "ended before the reply"),
        (sends(b"<html>hello</html>", "text/html"), "text/html"),
        (sends(b"{", "application/json"), "not JSON"),
        (sends(b"[" * 100_000, "application/json"), "not JSON"),
        (sends(b"data: \x1f\x8b", Content_Encoding="gzip"), "gzip"),
        (floods, "bytes"),
        (says("a", finish="content_filter"), "content_filter"),
    ],
)
def test_nonsense_has_a_typed_error(script, words):
    error = failure(script, retries=3)
    assert type(error) is RemoteFailed and words in error.reason


def test_odd_fields_do_no_harm():
    odd = [
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None}, "logprobs": {"content": [3, {"token": 5}]}}]},
        {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": -3}},
        {"choices": [], "model": "a\x1b[31m" * 900},
        {
            "choices": [
                {
                    "delta": {},
                    "logprobs": {
                        "content": [
                            {"token": "x", "logprob": each}
                            for each in (10**400, -(10**400), True, "a", 5.5)
                        ]
                    },
                }
            ]
        },
        {"choices": [{"delta": {"content": [1]}, "logprobs": {"content": "x"}}], "model": 5},
    ]
    assert ask(says("yes", before=odd)) == ("yes", 1)


def test_no_server_at_all():
    with chat_server(says("a")) as server:
        url = server.url
    from smolvlm_tools import SmolVLM

    with SmolVLM.load("m", backend="remote", base_url=url, retries=0) as vlm:
        with pytest.raises(RemoteFailed, match="cannot be reached"):
            vlm.generate(HELLO)


def test_a_server_that_falls_silent():
    def silent(request):
        request.start()
        request.event(delta("The "))
        request.server.chat.release.wait(20)

    assert type(failure(silent, timeout=0.3)) is RemoteTimeout
    assert type(failure(stalls, timeout=0.3)) is RemoteTimeout, "comments are not progress"


def test_a_server_that_never_answers():
    error = failure(lambda request: request.server.chat.release.wait(20), timeout=0.3)
    assert type(error) is RemoteTimeout


@pytest.mark.parametrize("how", ["event", "close", "drop"])
def test_giving_up_closes_the_connection(how):
    cancel = threading.Event()
    with chat_server(stalls) as server, server.engine() as vlm:
        stream = vlm.stream(HELLO, cancel=cancel)
        assert next(stream).text == "The"
        if how == "event":
            cancel.set()
            with pytest.raises(Cancelled):
                next(stream)
        elif how == "close":
            stream.close()
        else:
            del stream
        assert server.hung_up.wait(10)


def test_a_cancelled_task_closes_the_connection():
    async def give_up(vlm):
        task = asyncio.ensure_future(vlm.agenerate(HELLO))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    with chat_server(stalls) as server, server.engine() as vlm:
        asyncio.run(give_up(vlm))
        assert server.hung_up.wait(10)


def test_waiting_for_a_retry_can_be_cancelled():
    cancel = threading.Event()
    with chat_server(refuses(429, Retry_After="30")) as server, server.engine() as vlm:
        stream = vlm.stream(HELLO, cancel=cancel)
        cancel.set()
        with pytest.raises(Cancelled):
            next(stream)


def test_closing_the_engine_ends_its_calls():
    with chat_server(stalls) as server:
        vlm = server.engine()
        stream = vlm.stream(HELLO)
        next(stream)
        vlm.close()
        with pytest.raises(Closed):
            next(stream)
        with pytest.raises(Closed):
            vlm.generate(HELLO)
        vlm.close()


def test_no_more_calls_at_a_time_than_allowed():
    now, most, lock = [0], [0], threading.Lock()

    def count(request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        request.server.chat.release.wait(0.1)
        with lock:
            now[0] -= 1
        says("yes")(request)

    with chat_server(count) as server, server.engine(batch_size=3, max_queue=2) as vlm:
        assert len(vlm.batch([HELLO] * 12)) == 12
    assert most[0] == 3


def test_a_full_queue_is_busy():
    with chat_server(stalls) as server, server.engine(batch_size=1, max_queue=1) as vlm:
        streams = [vlm.stream(HELLO) for _ in range(2)]
        with pytest.raises(Busy):
            vlm.stream(HELLO)
        assert len(streams) == 2


def test_an_error_in_a_callback_ends_its_request_only():
    def fail(progress):
        raise KeyError("mine")

    with chat_server(says("yes")) as server, server.engine() as vlm:
        with pytest.raises(KeyError):
            vlm.generate(HELLO, on_progress=fail)
        assert vlm.generate(HELLO).text == "yes"

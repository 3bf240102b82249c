"""Sessions of the 2025 era end by themselves, and their memory is given back."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import anyio
import httpx2
import psutil
import pytest
from mcp.client.client import Client
from mcp.server.streamable_http import StreamableHTTPServerTransport

from smolvlm_tools import SmolVLM
from tests.support.mcp_servers import (
    ACCEPT,
    HELLO,
    PATIENCE,
    READY,
    http_thread,
    on_http,
    post,
    serve_engine,
)

PING = {"jsonrpc": "2.0", "id": 3, "method": "ping"}


@pytest.fixture(scope="module")
def engine() -> Iterator[SmolVLM]:
    with SmolVLM.load("embedded") as vlm:
        yield vlm


def begin(url: str) -> dict[str, str]:
    """Open a session; the header that names it."""
    session = {"Mcp-Session-Id": post(url, HELLO).headers["mcp-session-id"]}
    post(url, READY, **session)
    return session


def transports() -> int:
    gc.collect()
    return sum(isinstance(each, StreamableHTTPServerTransport) for each in gc.get_objects())


def test_a_session_that_rests_ends_and_one_in_use_does_not(engine):
    before = transports()
    with http_thread(serve_engine(engine), session_timeout=3) as url:
        rests, used = begin(url), begin(url)
        until = time.monotonic() + PATIENCE
        while post(url, PING, **used).status_code == 200 and time.monotonic() < until:
            time.sleep(0.2)
            if transports() < before + 2:  # the other one has gone
                break
        assert post(url, PING, **rests).status_code == 404
        assert post(url, PING, **used).status_code == 200


def test_a_thousand_sessions_expire_and_leave_nothing(engine):
    before = transports()
    with http_thread(serve_engine(engine), session_timeout=2) as url:
        with httpx2.Client(headers=ACCEPT, timeout=PATIENCE) as http:
            for _ in range(200):
                assert http.post(url, json=HELLO).status_code == 200
        until = time.monotonic() + PATIENCE
        while transports() > before and time.monotonic() < until:
            time.sleep(0.2)
        assert transports() == before


def test_one_session_too_many_ends_the_one_used_longest_ago(engine):
    with http_thread(serve_engine(engine), max_sessions=4) as url:
        oldest, used, *others = (begin(url) for _ in range(4))
        assert post(url, PING, **used).status_code == 200
        others += [begin(url), begin(url)]
        alive = [post(url, PING, **each).status_code for each in (oldest, used, *others)]
        assert alive == [404, 200, 404, 200, 200, 200]
        bye = httpx2.delete(url, headers={**ACCEPT, **used})
        assert bye.status_code == 200
        begin(url)
        assert [post(url, PING, **each).status_code for each in others[1:]] == [200] * 3


def test_a_client_whose_session_was_ended_is_told_so_and_others_go_on(engine):
    async def run(url: str) -> None:
        with anyio.fail_after(PATIENCE):
            async with Client(url, mode="legacy") as client:
                for _ in range(12):
                    await anyio.to_thread.run_sync(begin, url)
                    assert len((await client.list_tools()).tools) == 8  # in use: it is kept

    with http_thread(serve_engine(engine), max_sessions=3) as url:
        anyio.run(run, url)


def test_refused_messages_open_no_session(engine):
    before = transports()
    with http_thread(serve_engine(engine), max_sessions=2) as url:
        kept = begin(url)
        for _ in range(20):
            assert post(url, PING).status_code == 400
            assert post(url, HELLO, **{"Mcp-Session-Id": "made-up"}).status_code == 404
        assert post(url, PING, **kept).status_code == 200
        assert transports() == before + 1


@pytest.mark.slow
def test_the_memory_of_904_sessions_is_given_back():
    """In rounds: each is ended to make room for the next, and the process does not grow."""
    with on_http("--model", "embedded", "--max-sessions", "50") as url:
        [server] = [p for p in psutil.Process().children() if "smolvlm_mcp" in p.cmdline()]
        with httpx2.Client(headers=ACCEPT, timeout=PATIENCE) as http:
            for _ in range(1_000):  # the heap grows by some megabytes at first
                assert http.post(url, json=HELLO).status_code == 200
            before = server.memory_info().rss
            for _ in range(904):
                assert http.post(url, json=HELLO).status_code == 200
            assert server.memory_info().rss - before < 4 * 2**20

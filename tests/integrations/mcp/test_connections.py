"""Clients that connect and do not go on: they are let go, and others are answered meanwhile."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator

import anyio
import pytest
from mcp.client.client import Client
from smolvlm_mcp import guard

from tests.support.mcp_servers import (
    ERAS,
    HELLO,
    PATIENCE,
    READY,
    counted_server,
    http_thread,
    on_http,
    post,
)
from tests.support.paths import SHAPES
from tests.support.slow_clients import (
    HALF,
    HEAD,
    QUICK,
    SOON,
    answer_to,
    connect,
    left_open,
    server_of,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_http("--model", "embedded", **QUICK) as address:
        yield address


async def call(url: str, mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with Client(url, mode=mode) as client:
            assert len((await client.list_tools()).tools) == 8


def test_300_half_open_connections_are_closed_while_clients_of_both_eras_are_answered(url):
    server = server_of(url)
    before = server.num_fds()
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(connect(url)) for _ in range(300)]
        for number, half in enumerate(halves):
            half.sendall(HALF[: number % len(HALF)])
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert left_open(halves) == 0
    until = time.monotonic() + SOON
    while server.num_fds() > before + 5 and time.monotonic() < until:
        time.sleep(0.1)
    assert server.num_fds() <= before + 5


@contextlib.contextmanager
def able_to_open(files: int) -> Iterator[None]:
    """Processes that are started meanwhile may open so many files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("files, clients", [(1024, 1100), (256, 400)])
def test_clients_are_answered_while_others_hold_more_connections_than_files(files, clients):
    """The server may open fewer files than there are clients that never finish a head."""
    with contextlib.ExitStack() as stack:
        with able_to_open(files):
            start = on_http("--model", "embedded", "--head-timeout", "60")
            url = stack.enter_context(start)
        stack.enter_context(able_to_open(clients + 500))  # this process holds their other ends
        halves = []
        for _ in range(clients):
            halves.append(stack.enter_context(connect(url)))
            halves[-1].sendall(HALF)
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert server_of(url).num_fds() < files * 3 // 4
        assert left_open(halves, 2.0) <= files // 2  # the oldest have made room


@pytest.mark.parametrize("spared_after", [0.0, 60.0])
def test_streams_that_only_listen_make_room(monkeypatch, spared_after):
    """Sessions whose clients listen take every place; one more client is served all the same."""
    monkeypatch.setitem(guard._SPARED_AFTER, "listening", spared_after)
    server, _ = counted_server()
    with http_thread(server, max_connections=8) as url, contextlib.ExitStack() as stack:
        streams = []
        for _ in range(8):
            session = {"Mcp-Session-Id": post(url, HELLO).headers["mcp-session-id"]}
            post(url, READY, **session)
            name = f"Mcp-Session-Id: {session['Mcp-Session-Id']}\r\n\r\n".encode()
            stream = stack.enter_context(connect(url))
            stream.sendall(HEAD.replace(b"POST", b"GET") + name)
            assert stream.recv(15) == b"HTTP/1.1 200 OK"
            streams.append(stream)
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert left_open(streams, 2.0) < 8


def test_calls_that_take_very_long_make_room_where_all_places_are_taken(monkeypatch):
    monkeypatch.setitem(guard._SPARED_AFTER, "busy", 1.0)
    server, backend = counted_server()
    call = {**HELLO, "method": "tools/call", "id": 9}
    call["params"] = {"name": "describe_image", "arguments": {"image": str(SHAPES)}}
    body = json.dumps(call).encode()
    with http_thread(server, max_connections=8) as url, contextlib.ExitStack() as stack:
        name = post(url, HELLO).headers["mcp-session-id"]
        head = HEAD + f"Mcp-Session-Id: {name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        calls = [stack.enter_context(connect(url)) for _ in range(8)]
        for connection in calls:
            connection.sendall(head + body)  # eight with one id: at most one gets an answer
        assert left_open(calls, 2.0) == 8
        assert post(url, HELLO).status_code == 200
        assert left_open(calls, 2.0) < 8
        backend.open()


def test_a_head_that_comes_byte_by_byte_ends_in_408(url):
    assert answer_to(url, *(bytes([b]) for b in HALF), pause=0.1).startswith(b"HTTP/1.1 408")


def test_a_second_head_that_never_ends_is_let_go_too(url):
    body = json.dumps(HELLO).encode()
    first = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    assert answer_to(url, first, HALF).startswith(b"HTTP/1.1 200")
    assert answer_to(url, first, *[HALF] * 40, pause=0.1).startswith(b"HTTP/1.1 200")


def test_a_connection_without_a_request_is_closed_without_a_word(url):
    assert answer_to(url) == b""
    answers = answer_to(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answers.count(b"HTTP/1.1") == 1


def test_a_stranger_may_not_go_on_sending_for_ever(url):
    """What a refused client still sends is read for a while, so that it sees the answer."""
    head = HEAD.replace(b"localhost", b"evil.example") + b"Content-Length: 20000000\r\n\r\n"
    answer = answer_to(url, head, *[b"x"] * 100, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 421")


def test_heads_are_limited(url):
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 100) for n in range(200))
    for head in (
        HEAD + lines + b"\r\n",
        HEAD + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        assert answer_to(url, head)[9:12] in (b"400", b"431")


def test_a_call_is_answered_however_long_it_takes():
    """Clocks are for waiting on clients: the model may take longer than any of them."""
    server, backend = counted_server()
    clocks = {f"{name}_timeout": 1 for name in ("head", "body", "idle", "session")}

    async def run(mode: str) -> None:
        with anyio.fail_after(PATIENCE):
            async with Client(url, mode=mode) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(open_later)
                result = await client.call_tool("describe_image", {"image": str(SHAPES)})
                assert not result.is_error

    async def open_later() -> None:
        await anyio.sleep(3)
        backend.open()

    with http_thread(server, **clocks) as url:
        for mode in ERAS:
            anyio.run(run, mode)
            backend.shut()


def test_a_client_that_does_not_take_its_answers_is_let_go(monkeypatch):
    monkeypatch.setattr("smolvlm_mcp.guard._UNREAD_SECONDS", 1.0)
    server, _ = counted_server()
    with http_thread(server) as url, connect(url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)  # the server answers hundreds before its buffers are full
        with pytest.raises(ConnectionError):
            while True:  # ends when the server has given the connection up
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)

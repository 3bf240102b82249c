"""Clients that connect and do not go on: they are let go, and others are answered meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx2
import psutil
import pytest
from mcp.client.client import Client
from smolvlm_mcp.http import MAX_BODY
from smolvlm_mcp.parsing import MAX_DEPTH, MAX_VALUES

from tests.support.mcp_servers import ACCEPT, ERAS, HELLO, PATIENCE, READY, on_http, post
from tests.support.paths import SHAPES

SOON = 20.0
"""Seconds within which a server whose limits are a second or two has let somebody go."""
QUICK = {
    "SMOLVLM_MCP_HEAD_TIMEOUT": "2",
    "SMOLVLM_MCP_BODY_TIMEOUT": "3",
    "SMOLVLM_MCP_IDLE_TIMEOUT": "1",
}
HALF = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
HEAD = HALF + "".join(f"{name}: {value}\r\n" for name, value in ACCEPT.items()).encode()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_http("--model", "embedded", **QUICK) as address:
        yield address


def connect(url: str) -> socket.socket:
    address = httpx2.URL(url)
    return socket.create_connection((address.host, address.port or 80), PATIENCE)


def answer_to(url: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the server closes the connection."""
    with connect(url) as connection:
        with contextlib.suppress(ConnectionError):  # closed while we were sending
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """What still comes before the server closes; fails if it does not."""
    connection.settimeout(SOON)
    came = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            came += part
    return came


def left_open(connections: list[socket.socket], seconds: float = SOON) -> int:
    """How many the server has not closed after so long."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.2):
                ended: Any = key.fileobj
                with contextlib.suppress(ConnectionError):
                    if ended.recv(65536):
                        continue
                selector.unregister(ended)
        return len(selector.get_map())


async def call(url: str, mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with Client(url, mode=mode) as client:
            assert len((await client.list_tools()).tools) == 8


def server_of(url: str) -> psutil.Process:
    port = httpx2.URL(url).port
    return next(
        child
        for child in psutil.Process().children()
        if any(c.laddr.port == port for c in child.net_connections() if c.status == "LISTEN")
    )


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


def test_there_are_never_more_connections_than_descriptors_allow(monkeypatch):
    """A process that may open 200 files, and 400 clients that never finish a head."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = psutil.Process().num_fds() + 1100
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(limits[0], most), limits[1]), limits[1]))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        url = stack.enter_context(on_http("--model", "embedded", "--head-timeout", "60"))
        server = server_of(url)
        server.rlimit(psutil.RLIMIT_NOFILE, (1024, 1024))
        halves = [stack.enter_context(connect(url)) for _ in range(900)]
        for half in halves:
            half.sendall(HALF)
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert server.num_fds() <= 512 + 64 + 100
        assert left_open(halves, 2.0) <= 512  # the oldest have made room for the newest


def test_a_server_that_may_open_few_files_takes_few_connections():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        try:
            url = stack.enter_context(on_http("--model", "embedded", "--head-timeout", "60"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        halves = [stack.enter_context(connect(url)) for _ in range(400)]
        for half in halves:
            half.sendall(HALF)
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert left_open(halves, 2.0) <= 128


def test_streams_that_only_listen_make_room(tmp_path):
    """Sessions whose clients listen take every place; one more client is served all the same."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(on_http("--model", "embedded", "--max-connections", "8"))
        streams = []
        for _ in range(8):
            session = {"Mcp-Session-Id": post(url, HELLO).headers["mcp-session-id"]}
            post(url, READY, **session)
            head = HEAD.replace(b"POST", b"GET") + f"Mcp-Session-Id: {session}\r\n".encode()
            head = head.replace(repr(session).encode(), session["Mcp-Session-Id"].encode())
            stream = stack.enter_context(connect(url))
            stream.sendall(head + b"\r\n")
            assert stream.recv(15) == b"HTTP/1.1 200 OK"
            streams.append(stream)
        for mode in ERAS:
            anyio.run(call, url, mode)
        assert left_open(streams, 2.0) < 8


def test_a_head_that_comes_byte_by_byte_ends_in_408(url):
    assert answer_to(url, *(bytes([b]) for b in HALF), pause=0.1).startswith(b"HTTP/1.1 408")


def test_a_second_head_that_never_ends_is_let_go_too(url):
    body = json.dumps(HELLO).encode()
    first = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    answers = answer_to(url, first, HALF)
    assert answers.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 408" in answers


def test_a_connection_without_a_request_is_closed_without_a_word(url):
    assert answer_to(url) == b""
    answers = answer_to(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answers.count(b"HTTP/1.1") == 1


def test_a_body_that_never_ends_is_let_go(url):
    head = HEAD + b"Content-Length: 2000\r\n\r\n{"
    assert answer_to(url, head).startswith(b"HTTP/1.1 408")
    assert answer_to(url, head, *[b" "] * 50, pause=0.1).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "framing", [f"Content-Length: {MAX_BODY}\r\n\r\n {{", "Transfer-Encoding: chunked\r\n\r\n"]
)
def test_unfinished_bodies_keep_no_large_request_out(framing):
    """Twelve clients that stop in a large body, and a thirteenth that sends all of one."""
    large = {**HELLO, "params": {**HELLO["params"], "_meta": {"pad": "x" * 27_000_000}}}
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(on_http("--model", "embedded"))
        for _ in range(12):
            stack.enter_context(connect(url)).sendall(HEAD + framing.encode())
        began = time.monotonic()
        assert post(url, large).status_code == 200
        assert post(url, HELLO).status_code == 200
        assert time.monotonic() - began < SOON


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


def test_a_body_in_a_million_pieces_is_refused_at_once(url):
    server = server_of(url)
    before = sum(server.cpu_times()[:2])
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = answer_to(url, head, b"1\r\n \r\n" * 1_000_000)
    assert answer[9:12] == b"400" or not answer  # it may be lost if we are still sending
    assert sum(server.cpu_times()[:2]) - before < 2.0
    body = json.dumps(HELLO).encode()
    pieces = [body[at : at + 40] for at in range(0, len(body), 40)]
    assert httpx2.post(url, content=iter(pieces), headers=ACCEPT).status_code == 200


BAD_BODIES: dict[str, Callable[[], bytes]] = {
    "levels": lambda: b'{"jsonrpc":"2.0","id":7,"method":"ping","params":' + b"[" * MAX_DEPTH,
    "values": lambda: b'{"jsonrpc":"2.0","id":7,"params":[' + b"[]," * MAX_VALUES,
    "UTF-16": lambda: json.dumps({"id": 7}).encode("utf-16"),
}


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("case", BAD_BODIES)
def test_what_no_parser_should_see_is_an_error_of_json_rpc(url, case, mode):
    version = {} if mode == "legacy" else {"MCP-Protocol-Version": mode, "Mcp-Method": "ping"}
    headers = {**ACCEPT, **version}
    answer = httpx2.post(url, content=BAD_BODIES[case](), headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["jsonrpc"] == "2.0" and told["error"]["code"] == -32600
    assert told["id"] == (None if case == "UTF-16" else 7)
    assert post(url, HELLO).status_code == 200


def test_a_call_is_answered_however_long_it_takes(url):
    """Clocks are for waiting on clients: the model may take longer than any of them."""

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            async with Client(url) as client:
                await anyio.sleep(4)  # longer than each clock of this server
                image = os.fspath(SHAPES)
                result = await client.call_tool("describe_image", {"image": image})
                assert "path_not_allowed" in result.content[0].text

    anyio.run(run)

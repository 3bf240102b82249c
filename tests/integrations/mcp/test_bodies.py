"""Bodies that do not end, come in crumbs, or hold what no parser should see."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
from smolvlm_mcp.http import MAX_BODY
from smolvlm_mcp.parsing import MAX_DEPTH, MAX_VALUES

from tests.support.mcp_servers import ACCEPT, ERAS, HELLO, PATIENCE, on_http, post
from tests.support.slow_clients import HEAD, QUICK, SOON, answer_to, connect, server_of


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_http("--model", "embedded", **QUICK) as address:
        yield address


def test_a_body_that_never_ends_is_let_go(url):
    head = HEAD + b"Content-Length: 2000\r\n\r\n{"
    assert answer_to(url, head).startswith(b"HTTP/1.1 408")
    assert answer_to(url, head, *[b" "] * 50, pause=0.1).startswith(b"HTTP/1.1 408")


LENGTH = f"Content-Length: {MAX_BODY}\r\n\r\n ".encode()
STOPPED = {
    "at once": (12, LENGTH),
    "without a length": (12, b"Transfer-Encoding: chunked\r\n\r\n"),
    "near the end": (5, LENGTH + b" " * 27_000_000),
}


@pytest.mark.parametrize("where", STOPPED)
def test_unfinished_bodies_keep_no_large_request_out(where):
    """Clients that stop in a large body, and one more that sends all of one."""
    large = {**HELLO, "params": {**HELLO["params"], "_meta": {"pad": "x" * 27_000_000}}}
    count, sent = STOPPED[where]
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(on_http("--model", "embedded"))
        for _ in range(count):
            stopped = stack.enter_context(connect(url))
            stopped.settimeout(1.0)
            with contextlib.suppress(TimeoutError):  # the fifth waits for room
                stopped.sendall(HEAD + sent)
        began = time.monotonic()
        assert post(url, large).status_code == 200
        assert post(url, HELLO).status_code == 200
        assert time.monotonic() - began < SOON


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

from __future__ import annotations

import base64
import io
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx2
import mcp_types as types
import numpy as np
import pytest
from mcp.client.client import Client
from PIL import Image
from smolvlm_mcp.http import MAX_BODY

from smolvlm_tools import SmolVLM
from smolvlm_tools.tools import TOOLS
from tests.support.mcp_servers import (
    ACCEPT,
    ERAS,
    HELLO,
    PATIENCE,
    READY,
    counted_server,
    environment,
    every_call,
    http_thread,
    on_http,
    post,
    serve_engine,
)
from tests.support.paths import ROOT, SHAPES

TOKEN = "a-token-of-sufficient-length"
DATA = "data:image/png;base64," + base64.b64encode(SHAPES.read_bytes()).decode()
LIST = {"jsonrpc": "2.0", "id": 5, "method": "tools/list"}


@pytest.fixture(scope="module")
def url():
    """The real command, in a process of its own."""
    with on_http("--model", "embedded") as address:
        yield address


@pytest.fixture(scope="module")
def guarded():
    """A server in this process that wants a token."""
    with SmolVLM.load("embedded") as vlm:
        server = serve_engine(vlm)
        with http_thread(server, token=TOKEN, allowed_hosts=("vision.lan:80",)) as address:
            yield address


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_of_each_era_runs_every_tool_over_http(url, mode):
    async def run() -> dict[str, types.CallToolResult]:
        with anyio.fail_after(PATIENCE):
            async with Client(url, mode=mode) as client:
                await client.list_tools()  # the client checks results against the schemas
                calls = every_call(DATA).items()
                return {name: await client.call_tool(name, given) for name, given in calls}

    results = anyio.run(run)
    assert not [result.content for result in results.values() if result.is_error]
    assert "red circle" in results["describe_image"].structured_content["text"]


def test_no_file_of_the_host_is_read_over_http_by_default(url):
    async def run() -> types.CallToolResult:
        async with Client(url) as client:
            return await client.call_tool("load_image", {"image": str(SHAPES)})

    result = anyio.run(run)
    assert result.is_error and "path_not_allowed" in result.content[0].text


def test_urls_are_not_fetched_by_default(url):
    async def run() -> types.CallToolResult:
        async with Client(url) as client:
            return await client.call_tool("load_image", {"image": "http://127.0.0.1:1/x.png"})

    result = anyio.run(run)
    assert result.is_error and "url_not_allowed" in result.content[0].text


def test_an_image_of_almost_20_mb_arrives(url):
    noise = np.random.default_rng(0).integers(0, 256, (2570, 2570, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    assert 19_500_000 < len(file.getvalue()) < 20_000_000
    large = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()

    async def run() -> types.CallToolResult:
        with anyio.fail_after(PATIENCE):
            async with Client(url) as client:
                return await client.call_tool("load_image", {"image": large})

    assert anyio.run(run).structured_content["width"] == 2570


def test_a_body_above_the_limit_is_refused(url):
    declared = httpx2.post(url, content=b" " * (MAX_BODY + 1), headers=ACCEPT, timeout=PATIENCE)
    assert declared.status_code == 413

    def chunks():
        for _ in range(MAX_BODY // 1_000_000 + 1):
            yield b" " * 1_000_000

    assert httpx2.post(url, content=chunks(), headers=ACCEPT).status_code == 413


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "vision.lan"])
def test_a_foreign_host_is_misdirected(guarded, host):
    assert post(guarded, HELLO, Host=host, **bearer(TOKEN)).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5", "[::1]:80", "vision.lan:80"])
def test_own_and_allowed_hosts_are_served(guarded, host):
    assert post(guarded, HELLO, Host=host, **bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil:80"])
def test_a_foreign_page_is_forbidden(guarded, origin):
    assert post(guarded, HELLO, Origin=origin, **bearer(TOKEN)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong"), bearer(TOKEN + "x"), bearer(TOKEN[:-1]), {"Authorization": TOKEN}],
)
def test_without_the_token_nothing_is_served(guarded, headers):
    for message in (HELLO, LIST):
        response = post(guarded, message, **headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer ")
        assert TOKEN not in response.text


def test_a_stranger_is_turned_away_before_the_body_is_read(guarded):
    address = httpx2.URL(guarded)
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY}\r\n\r\n"
    with socket.create_connection((address.host, address.port), PATIENCE) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 401"


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_with_the_token_is_served(guarded, mode):
    async def run() -> int:
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=bearer(TOKEN)) as http:
            async with Client(streamable_http_client(guarded, http_client=http), mode=mode) as c:
                return len((await c.list_tools()).tools)

    assert anyio.run(run) == len(TOOLS)


def test_too_many_large_requests_at_once_are_put_off():
    """Four of the largest are worked on; until one is done, a fifth is asked to come again."""
    server, backend = counted_server()
    asked = {"name": "describe_image", "arguments": {"image": str(SHAPES)}}
    call = {**LIST, "method": "tools/call", "params": {**asked, "_meta": {"pad": "x" * 27_900_000}}}
    with http_thread(server) as address, ThreadPoolExecutor(4) as pool:
        session = {"Mcp-Session-Id": post(address, HELLO).headers["mcp-session-id"]}
        post(address, READY, **session)
        taken = [pool.submit(post, address, {**call, "id": n}, **session) for n in range(4)]
        metrics = address.replace("/mcp", "/metrics")
        while "smolvlm_http_body_bytes 1.1" not in httpx2.get(metrics, timeout=PATIENCE).text:
            time.sleep(0.1)  # until all four have room
        refused = post(address, {**call, "method": "ping"}, **session)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert post(address, HELLO).status_code == 200
        backend.open()
        assert all("isError" in future.result(PATIENCE).text for future in taken)


def test_others_on_the_network_need_a_token():
    command = [sys.executable, "-m", "smolvlm_mcp", "--http", "0.0.0.0:0", "--model", "embedded"]
    done = subprocess.run(
        command, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: 0.0.0.0:0 can be reached from other machines")

"""Calls that are given up, and more clients than there is room for, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.client.client import Client

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.gated import GatedBackend
from tests.support.mcp_servers import (
    ACCEPT,
    ERAS,
    HELLO,
    PATIENCE,
    PREFILL_AND_TWO_STEPS,
    READY,
    counted_server,
    http_thread,
    post,
    serve_engine,
)
from tests.support.paths import SHAPES


@pytest.fixture
def counted():
    """A server whose third decode step waits until a call has ended; gives URL and backend."""
    server, backend = counted_server()
    with http_thread(server) as address:
        yield address, backend


async def one_token(url: str, mode: str = "legacy") -> None:
    """A call that takes no decode step, to see that the engine is free."""
    async with Client(url, mode=mode) as client:
        arguments = {"image": str(SHAPES), "max_new_tokens": 1}
        assert not (await client.call_tool("describe_image", arguments)).is_error


@pytest.mark.parametrize("mode", ERAS)
def test_a_cancelled_call_frees_the_engine_within_two_steps(counted, mode):
    url, backend = counted

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            async with Client(url, mode=mode) as client:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.call_tool, "describe_image", {"image": str(SHAPES)})
                    await anyio.to_thread.run_sync(backend.wait_for, PREFILL_AND_TWO_STEPS + 1)
                    tasks.cancel_scope.cancel()
                await one_token(url, mode)

    anyio.run(run)
    assert backend.steps <= 3 + 2


MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize("mode", ERAS)
def test_a_broken_connection_frees_the_engine_within_two_steps(counted, mode):
    url, backend = counted
    call: dict[str, Any] = {"name": "describe_image", "arguments": {"image": str(SHAPES)}}
    headers = dict(ACCEPT)
    if mode == "legacy":
        hello = post(url, HELLO)
        headers["Mcp-Session-Id"] = hello.headers["mcp-session-id"]
        headers["MCP-Protocol-Version"] = "2025-11-25"
        httpx2.post(url, json=READY, headers=headers)
        call["_meta"] = {"progressToken": 1}
    else:
        headers |= {"MCP-Protocol-Version": mode, "Mcp-Method": "tools/call"}
        headers["Mcp-Name"] = "describe_image"
        call["_meta"] = {"progressToken": 1, **MODERN_META}
    message = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call}
    with httpx2.stream("POST", url, json=message, headers=headers, timeout=PATIENCE) as response:
        assert response.status_code == 200, response.read()
        lines = (line for line in response.iter_lines() if line.startswith("data: {"))
        first = json.loads(next(lines)[len("data: ") :])
        assert first["method"] == "notifications/progress"
        backend.wait_for(PREFILL_AND_TWO_STEPS + 1)

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            await one_token(url)

    anyio.run(run)
    assert backend.steps <= 3 + 2


def test_the_end_of_a_session_frees_the_engine_within_two_steps(counted):
    url, backend = counted

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                async with Client(url, mode="legacy") as client:
                    tasks.start_soon(client.call_tool, "describe_image", {"image": str(SHAPES)})
                    await anyio.to_thread.run_sync(backend.wait_for, PREFILL_AND_TWO_STEPS + 1)
                    tasks.cancel_scope.cancel()
            await one_token(url)

    anyio.run(run)
    assert backend.steps <= 3 + 2


def test_32_clients_and_a_queue_of_8_all_get_an_answer_or_busy():
    """8 decode together and 8 wait; while nothing moves, the other 16 are told to come again."""
    checkpoint = open_checkpoint("embedded")
    backend = GatedBackend(checkpoint.config, range(300, 900))
    arguments = {"image": str(SHAPES), "max_new_tokens": 4}
    results: list[types.CallToolResult] = []

    async def ask(mode: str) -> None:
        async with Client(url, mode=mode) as client:
            result = await client.call_tool("describe_image", arguments)
            results.append(result)
            if len(results) == 16:
                backend.open()

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                for number in range(32):
                    tasks.start_soon(ask, ERAS[number % 2])

    engine = SmolVLM(checkpoint, backend, max_queue=8, batch_size=8)
    with http_thread(serve_engine(engine)) as url:
        anyio.run(run)
    refused = [result for result in results if result.is_error]
    assert len(results) == 32 and len(refused) == 16 and results[:16] == refused
    for result in refused:
        error = json.loads(result.content[1].text)["error"]
        assert error["code"] == "busy" and error["retry_after_seconds"] > 0
    assert all(len(r.structured_content["text"]) > 0 for r in results if not r.is_error)

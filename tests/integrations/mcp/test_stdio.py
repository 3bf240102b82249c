from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import anyio
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.server.stdio import stdio_server
from smolvlm_mcp.stdio import Wire, serve_stdio

from tests.support.mcp_servers import (
    ERAS,
    HELLO,
    PATIENCE,
    PREFILL_AND_TWO_STEPS,
    READY,
    besides_posture,
    counted_server,
    environment,
    every_call,
    on_stdio,
)
from tests.support.paths import ROOT, SHAPES


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_of_each_era_runs_every_tool_in_its_own_folder_over_stdio(mode):
    async def run() -> tuple[dict[str, types.CallToolResult], types.CallToolResult]:
        server = on_stdio("--model", "embedded", cwd=SHAPES.parent)
        with anyio.fail_after(PATIENCE):
            async with Client(server, mode=mode) as client:
                await client.list_tools()  # the client checks results against the schemas
                calls = every_call("shapes.png").items()
                answers = {name: await client.call_tool(name, given) for name, given in calls}
                return answers, await client.call_tool("load_image", {"image": "../make_images.py"})

    results, outside = anyio.run(run)
    assert outside.is_error and outside.content[0].text.startswith("path_not_allowed")
    assert not [result.content for result in results.values() if result.is_error]
    assert "red circle" in results["describe_image"].structured_content["text"]
    assert results["answer_question"].structured_content["value"] == 3
    assert results["extract_fields"].structured_content["value"].keys() <= {"color"}


NOISY = """
import atexit, ctypes, os, subprocess, sys
libc = ctypes.CDLL(None)
def noise(where):
    print("python", where)
    sys.__stdout__.write("original stdout " + where + "\\n")
    os.write(1, b"descriptor\\n")
    libc.printf(b"C, buffered\\n")
    subprocess.run([sys.executable, "-c", "print('a child')"])
import smolvlm_tools.backends.onnx.backend as backend
class Noisy(backend.OnnxBackend):
    def create_cache(self, capacity):
        noise("while decoding")
        return super().create_cache(capacity)
backend.OnnxBackend = Noisy
atexit.register(noise, "at exit")
import smolvlm_mcp.stdio as stdio
take = stdio.take_wire
def noisy_take():
    sys.stdout.write("waits in the buffer\\n")
    wire = take()
    noise("while importing")
    return wire
stdio.take_wire = noisy_take
from smolvlm_mcp.command import main
main()
"""


def test_nothing_but_protocol_is_on_stdout_whatever_libraries_print():
    call = {"name": "describe_image", "arguments": {"image": str(SHAPES)}}
    said = [HELLO, READY, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}]
    with subprocess.Popen(
        [sys.executable, "-c", NOISY, "--model", "embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), "PYTHONUNBUFFERED": ""},
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("".join(json.dumps(message) + "\n" for message in said))
        process.stdin.flush()
        lines = [process.stdout.readline(), process.stdout.readline()]
        rest, errors = process.communicate(timeout=PATIENCE)  # closes stdin
    answers = [json.loads(line) for line in lines]
    assert [answer["id"] for answer in answers] == [1, 2] and rest == ""
    assert not answers[1]["result"]["isError"]
    for where in ("while importing", "while decoding", "at exit"):
        assert f"python {where}" in errors and f"original stdout {where}" in errors
    for noise in ("waits in the buffer", "descriptor", "C, buffered", "a child"):
        assert noise in errors
    assert process.returncode == 0


@pytest.fixture
def pipes():
    """A server whose third decode step waits until a call has ended, on pipes in this process.

    Gives its backend, the client's ends of the pipes, and the thread that serves.
    """
    server, backend = counted_server()
    (server_reads, client_writes), (client_reads, server_writes) = os.pipe(), os.pipe()
    wire = Wire.between(server_reads, server_writes)

    def serve() -> None:
        anyio.run(serve_stdio, server, wire)
        wire.outgoing.close()

    thread = threading.Thread(target=serve)
    thread.start()
    reads, writes = open(client_reads, encoding="utf-8"), open(client_writes, "w", encoding="utf-8")
    yield backend, reads, writes, thread
    writes.close()
    thread.join(PATIENCE)
    reads.close()
    os.close(server_reads)


@pytest.mark.parametrize("mode", ERAS)
def test_a_cancelled_call_frees_the_engine_within_two_steps(pipes, mode):
    backend, reads, writes, _ = pipes

    async def run() -> types.CallToolResult:
        ends = stdio_server(anyio.wrap_file(reads), anyio.wrap_file(writes))
        with anyio.fail_after(PATIENCE):
            async with Client(ends, mode=mode) as client:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.call_tool, "describe_image", {"image": str(SHAPES)})
                    await anyio.to_thread.run_sync(backend.wait_for, PREFILL_AND_TWO_STEPS + 1)
                    tasks.cancel_scope.cancel()
                one = {"image": str(SHAPES), "max_new_tokens": 1}
                result = await client.call_tool("describe_image", one)
                writes.close()  # or the reader of this side would wait for ever
                return result

    assert anyio.run(run).structured_content["usage"]["completion_tokens"] == 1
    assert backend.steps <= 3 + 2


def test_the_end_of_stdin_frees_the_engine_within_two_steps_and_ends_the_server(pipes):
    backend, _, writes, thread = pipes
    call = {"name": "describe_image", "arguments": {"image": str(SHAPES)}}
    said = [HELLO, READY, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}]
    writes.write("".join(json.dumps(message) + "\n" for message in said))
    writes.flush()
    backend.wait_for(PREFILL_AND_TWO_STEPS + 1)
    writes.close()
    thread.join(PATIENCE)
    assert not thread.is_alive() and backend.steps <= 3 + 2


@pytest.fixture
def process():
    """A server that has answered `HELLO`."""
    with subprocess.Popen(
        [sys.executable, "-m", "smolvlm_mcp", "--model", "embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(HELLO) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        yield process


def test_ctrl_c_ends_the_server_in_one_line(process):
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130  # stdin is still open
    assert besides_posture(process.stderr.read()) == "interrupted\n"


def test_a_client_that_stops_reading_ends_the_server_quietly(process):
    process.stdout.close()
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    process.stdin.write(json.dumps(READY) + "\n" + json.dumps(ping) + "\n")
    process.stdin.flush()
    assert process.wait(PATIENCE) == 0  # stdin is still open
    errors = process.stderr.read()
    assert besides_posture(errors) == "" and "limited by" in errors

"""What people who run the server see of it: health, log lines, metrics and spans."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from smolvlm_mcp.access_log import without_places
from smolvlm_mcp.observing import Activity
from smolvlm_mcp.tracing import make_tracer

from smolvlm_tools import __version__
from smolvlm_tools.tools import ToolProgress
from tests.support.mcp_servers import ERAS, HELLO, PATIENCE, environment, on_stdio, post
from tests.support.paths import ROOT, SHAPES

TOKEN = "a-token-of-sufficient-length"
IMAGE = base64.b64encode(SHAPES.read_bytes()).decode()
ASKED = "Which secret is on the picture?"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def server(*flags: str, **more: str) -> Iterator[tuple[str, list[str]]]:
    """The real server with a token; gives its URL, and its stderr once it has ended."""
    lines: list[str] = []
    command = [sys.executable, "-m", "smolvlm_mcp", "--http", "127.0.0.1:0", "--model", "embedded"]
    with subprocess.Popen(
        [*command, *flags],
        env=environment(SMOLVLM_MCP_TOKEN=TOKEN, **more),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        try:
            yield url, lines
        finally:
            process.terminate()
            lines += process.communicate(timeout=PATIENCE)[1].splitlines()


def use(url: str) -> None:
    """Calls that succeed and that do not, in both eras."""

    async def run() -> None:
        with anyio.fail_after(PATIENCE):
            for mode in ERAS:
                async with httpx2.AsyncClient(headers=HEADERS) as http:
                    ends = streamable_http_client(url, http_client=http)
                    async with Client(ends, mode=mode) as client:
                        image = f"data:image/png;base64,{IMAGE}"
                        asked = {"image": image, "question": ASKED, "max_new_tokens": 2}
                        await client.call_tool("answer_question", asked)
                        await client.call_tool("load_image", {"image": str(SHAPES)})

    anyio.run(run)


def test_health_needs_no_token_and_says_nothing_else():
    with server() as (url, _):
        where = url.replace("/mcp", "/healthz")
        health = httpx2.get(where, headers={"Host": "10.0.0.7:8000"})
        assert health.status_code == 200
        assert health.json() == {"status": "ok", "version": __version__}
        assert httpx2.head(where).status_code == 200
        assert httpx2.post(where).status_code == 401
        assert httpx2.get(url.replace("/mcp", "/other"), headers=HEADERS).status_code == 404


def test_metrics_count_calls_by_tool_and_outcome_behind_the_token():
    with server() as (url, _):
        where = url.replace("/mcp", "/metrics")
        assert httpx2.get(where).status_code == 401
        assert httpx2.get(where, headers={**HEADERS, "Host": "evil.example"}).status_code == 421
        use(url)
        post(url, HELLO, **HEADERS)
        answer = httpx2.get(where, headers=HEADERS)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    numbers = dict(re.findall(r"^([^#\s]\S*) (\S+)$", answer.text, re.MULTILINE))

    def number(name: str) -> float:
        return float(numbers[f"smolvlm_{name}"])

    assert number('calls_total{outcome="ok",tool="answer_question"}') == 2
    assert number('calls_total{outcome="path_not_allowed",tool="load_image"}') == 2
    assert number('stage_seconds_count{stage="vision"}') >= 1
    assert number('stage_seconds_count{stage="decode"}') == 2
    assert number('call_seconds_count{tool="answer_question"}') == 2
    assert number("calls_running") == number("calls_waiting") == 0
    assert number("image_store_bytes") == len(SHAPES.read_bytes())
    assert number("sessions") == 1 and number("http_connections") >= 1
    assert number("http_body_bytes") == 0
    assert float(numbers["process_resident_memory_bytes"]) > 10e6
    assert f'smolvlm_build_info{{version="{__version__}"}}' in numbers
    for secret in (TOKEN, IMAGE[:40], ASKED, str(ROOT)):
        assert secret not in answer.text


def test_without_the_package_metrics_say_what_to_install():
    code = "import sys; sys.modules['prometheus_client'] = None; "
    code += "from smolvlm_mcp.command import main; main()"
    command = [sys.executable, "-c", code, "--http", "127.0.0.1:0", "--model", "embedded"]
    with subprocess.Popen(
        command, env=environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        answer = httpx2.get(url.replace("/mcp", "/metrics"))
        served = post(url, HELLO).status_code
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert answer.status_code == 501 and "pip install 'smolvlm-tools[metrics]'" in answer.text
    assert served == 200


def events(lines: list[str], name: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [event for event in found if event["event"] == name]


def test_lines_of_the_access_log_are_json_without_secrets():
    with server("--access-log") as (url, lines):
        use(url)
        httpx2.get(f"{url}?secret=hidden-in-a-query", headers=HEADERS)
        httpx2.get(url.replace("/mcp", "/hidden-in-a-path"), headers=HEADERS)
        httpx2.request("HIDDEN", url, headers={"Host": "hidden-in-a-host"})
        httpx2.get(url.replace("/mcp", "/healthz"))
    lines = [line for line in lines if "isolated reading" not in line]  # said once, at the start
    calls, requests = events(lines, "call"), events(lines, "request")
    assert len(lines) == len(calls) + len(requests) and len(calls) == 4
    asked = [call for call in calls if call["tool"] == "answer_question"]
    assert all(call["outcome"] == "ok" and call["tiles"] == 5 for call in asked)
    assert all(call["prompt_tokens"] > 100 and call["completion_tokens"] == 2 for call in asked)
    assert asked[0]["stages"].keys() == {
        "wait",
        "load",
        "preprocess",
        "vision",
        "prefill",
        "decode",
    }
    assert sum(asked[0]["stages"].values()) <= asked[0]["seconds"] + 0.01
    assert {c["outcome"] for c in calls if c["tool"] == "load_image"} == {"path_not_allowed"}
    assert {r["path"] for r in requests} == {"/mcp", "/healthz", "other"}
    assert {200, 404, 421} <= {r["status"] for r in requests}
    assert max(r["bytes_in"] for r in requests) > len(IMAGE)
    assert requests[-1].keys() == {
        *("time", "event", "client", "method", "path", "status", "bytes_in", "bytes_out", "seconds")
    }
    for secret in (TOKEN, IMAGE[:40], ASKED, "hidden", str(ROOT), "HIDDEN"):
        assert not [line for line in lines if secret in line]


def test_on_stdio_each_call_is_a_line_too(tmp_path):
    with open(tmp_path / "errors", "w+", encoding="utf-8") as errors:
        started = on_stdio("--model", "embedded", "--access-log", cwd=SHAPES.parent)

        async def run() -> None:
            from mcp.client.stdio import stdio_client

            with anyio.fail_after(PATIENCE):
                async with Client(stdio_client(started, errlog=errors)) as client:
                    await client.call_tool("load_image", {"image": "shapes.png"})

        anyio.run(run)
        errors.seek(0)
        [call] = events(errors.read().splitlines(), "call")
    assert (call["tool"], call["outcome"], call["tiles"]) == ("load_image", "ok", 0)


def test_what_libraries_log_is_told_without_folders_and_queries():
    text = "cannot open /home/me/secret/x.png, C:\\Users\\me\\y.png or http://a.lan/b?token=1"
    told = without_places(text)
    assert "/home" not in told and "secret" not in told and "Users" not in told
    assert "x.png" in told and "token=1" not in told


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def test_a_call_is_a_span_with_names_and_numbers_alone(spans):
    class Usage:
        tiles, prompt_tokens, completion_tokens = 5, 300, 7

    class Output:
        usage = Usage
        text = ASKED

    observe = make_tracer()
    assert observe is not None
    activity = Activity([observe])
    with trace.get_tracer("test").start_as_current_span("tools/call"):
        with activity.watch("describe_image") as call:
            call.on_progress(ToolProgress("preprocess", 1, 1))
            assert activity.running == 1 and activity.waiting == 0
            call.succeeded(Output)
        with activity.watch("no such tool") as call:
            assert activity.waiting == 1
            call.outcome = "unknown_tool"
    good, bad, outer = spans.get_finished_spans()
    assert good.name == "smolvlm describe_image" and good.parent.span_id == outer.context.span_id
    assert good.attributes == {
        "smolvlm.tool": "describe_image",
        "smolvlm.outcome": "ok",
        "smolvlm.tiles": 5,
        "smolvlm.prompt_tokens": 300,
        "smolvlm.completion_tokens": 7,
    }
    assert good.end_time > good.start_time
    assert bad.attributes["smolvlm.tool"] == "unknown" and not bad.status.is_ok


def test_a_server_without_opentelemetry_makes_no_spans(monkeypatch):
    monkeypatch.setattr("smolvlm_mcp.tracing.find_spec", lambda name: None)
    assert make_tracer() is None

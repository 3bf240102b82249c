"""What the SDK cannot parse is answered on stdio, and the server goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from smolvlm_mcp.parsing import MAX_BODY, MAX_VALUES

from tests.support.mcp_servers import HELLO, PATIENCE, READY, environment

PARSE, INVALID = -32700, -32600


@contextmanager
def talking() -> Iterator[Any]:
    """A real server; gives a function that sends bytes and returns the next answer."""
    with subprocess.Popen(
        [sys.executable, "-m", "smolvlm_mcp", "--model", "embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None and stdout is not None

        def ask(line: bytes) -> dict[str, Any]:
            hung = threading.Timer(PATIENCE, process.kill)
            hung.start()
            stdin.write(line + b"\n")
            stdin.flush()
            answer = stdout.readline()
            hung.cancel()
            return json.loads(answer) if answer else {"id": None, "error": {"code": "silence"}}

        yield ask
        stdin.close()


def message(**more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping", **more}).encode()


def nested(levels: int) -> bytes:
    params = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"jsonrpc":"2.0","id":7,"method":"ping","params":' + params + b"}"


CASES = {
    "broken JSON": (b'{"jsonrpc": "2.0", "id"', PARSE, None),
    "no JSON at all": (b"GET / HTTP/1.1", PARSE, None),
    "broken behind the id": (b'{"jsonrpc":"2.0","id":7,"method":"ping"', PARSE, 7),
    "not UTF-8": (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"\xff"}}', PARSE, 7),
    "a lone surrogate": (message(params={"a": "\ud800"}), INVALID, 7),
    "a lone surrogate as id": (message(id="\ud800"), INVALID, None),
    "200 levels": (nested(200), INVALID, 7),
    "a million levels": (nested(1_000_000), INVALID, 7),
    "200 levels, id last": (
        b'{"params":' + b"[" * 200 + b"]" * 200 + b',"method":"ping","jsonrpc":"2.0","id":"q-7"}',
        INVALID,
        "q-7",
    ),
    "too many values": (message(params={"a": [1] * MAX_VALUES}), INVALID, 7),
    "too many strings": (b'{"id":7,"a":' + b'""' * MAX_VALUES * 2 + b"}", INVALID, 7),
    "a list": (b"[" + message() + b"]", INVALID, None),
    "a number": (b"7", INVALID, None),
    "another version": (message(jsonrpc="1.0"), INVALID, 7),
    "no method": (b'{"jsonrpc":"2.0","id":7}', INVALID, 7),
    "a method that is no text": (message(method=3), INVALID, 7),
    "an id that is none": (message(id=None), INVALID, None),
    "an id of another type": (message(id=[1]), INVALID, None),
    "a line that is too long": (message(params={"a": "x" * MAX_BODY}), INVALID, 7),
}


@pytest.fixture(scope="module")
def ask() -> Iterator[Any]:
    with talking() as ask:
        assert ask(json.dumps(HELLO).encode())["id"] == 1
        yield ask


@pytest.mark.parametrize("case", CASES)
def test_each_is_an_error_and_the_next_message_is_served(ask, case):
    line, code, told = CASES[case]
    answer = ask(line)
    assert answer["jsonrpc"] == "2.0" and "id" in answer
    assert (answer["error"]["code"], answer["id"]) == (code, told), answer
    assert len(answer["error"]["message"]) < 100
    assert ask(message(id=8)) == {"jsonrpc": "2.0", "id": 8, "result": {}}


def test_blank_lines_and_what_is_right_are_not_answered_with_errors(ask):
    ready = json.dumps(READY).encode()
    for before in (b"", b"  \r", ready + b"\r"):
        assert ask(before + b"\n" + message())["result"] == {}
    assert ask(nested(99))["id"] == 7 and "result" in ask(nested(99))
    assert "result" in ask(message(params={"_meta": {"x": "x" * 5_000_000}}))

"""What goes through the pipes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading

import pytest

from smolvlm_tools.sandbox.messages import BrokenMessage, receive, send
from tests.support.paths import ROOT
from tests.support.workers import LONG


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            pass  # a test has closed it


@pytest.mark.parametrize(
    "message",
    [({}, []), ({"name": "\ud800 €\n", "n": [1, None, 0.1]}, [b"", b"\x00\xff", b"x" * 3_000_000])],
)
def test_a_message_arrives_as_it_was(pipe, message):
    thread = threading.Thread(target=send, args=(pipe[1], message))
    thread.start()
    assert receive(pipe[0], 10_000_000) == message
    thread.join()


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">II", 2**32 - 1, 0),
        struct.pack(">II", 2, 2**32 - 1),
        struct.pack(">IIQ", 2, 1, 2**63) + b"{}",
        struct.pack(">II", 2, 0) + b"{]",
        struct.pack(">II", 2, 0) + b"\xff\xfe",
        struct.pack(">II", 2, 0) + b"[]",
    ],
)
def test_what_is_no_message_is_refused_before_it_is_read(pipe, data):
    os.write(pipe[1], data)
    with pytest.raises(BrokenMessage):
        receive(pipe[0], 1000)


def test_a_pipe_that_ends_in_the_middle(pipe):
    os.write(pipe[1], struct.pack(">II", 20, 0) + b"{")
    os.close(pipe[1])
    with pytest.raises(EOFError):
        receive(pipe[0], 1000)


NOISY = """
import os, sys
from smolvlm_tools.sandbox.child import _take_pipes
from smolvlm_tools.sandbox.messages import receive, send
requests, replies = _take_pipes()
print("from Python", flush=True)
os.write(1, b"from C")
send(replies, receive(requests, 100))
assert sys.stdin.read() == "", "what libraries ask for is not the parent's next request"
"""


def test_what_libraries_print_does_not_get_among_the_messages():
    child = subprocess.Popen(
        [sys.executable, "-c", NOISY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        bufsize=0,
    )
    send(child.stdin.fileno(), ({"a": 1}, [b"data"]))
    assert receive(child.stdout.fileno(), 100) == ({"a": 1}, [b"data"])
    out, err = child.communicate(timeout=LONG)
    assert (out, err) == (b"", b"from Python\nfrom C")
    assert child.returncode == 0

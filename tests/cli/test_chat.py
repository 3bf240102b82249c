"""`smolvlm chat`: a conversation over standard input, and at a terminal."""

from __future__ import annotations

import io
import os
import signal
import time

import pytest

from smolvlm_tools import SmolVLM
from tests.support.documents import tiff
from tests.support.paths import RECEIPT, SHAPES
from tests.support.processes import start

EMBEDDED = ("--model", "embedded")


@pytest.fixture
def chat(smolvlm, monkeypatch):
    """Talk by lines; what was asked of the engine is in `chat.asked`."""

    def talk(*lines, arguments=(SHAPES,)):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return smolvlm("chat", *arguments, *EMBEDDED)

    talk.asked = []
    stream = SmolVLM.stream

    def watched(engine, messages, **options):
        talk.asked.append([message.model_copy(deep=False) for message in messages])
        return stream(engine, messages, **options)

    monkeypatch.setattr(SmolVLM, "stream", watched)
    return talk


def kinds(messages):
    return [(m.role, [part.type for part in m.content]) for m in messages]


def test_each_line_is_answered_and_the_next_one_knows_of_it(chat):
    done = chat("What color is the circle?", "", "How many shapes are there?")
    assert done.code == 0 and done.err == ""
    first, second = done.out.splitlines()
    assert first.strip() == "red" and second
    assert kinds(chat.asked[0]) == [("user", ["image", "text"])]
    assert kinds(chat.asked[1]) == [
        ("user", ["image", "text"]), ("assistant", ["text"]), ("user", ["text"]),
    ]  # fmt: skip
    assert chat.asked[1][1].content[0].text == "red"


def test_images_are_added_and_everything_is_forgotten(chat, tmp_path):
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff("red", "green"))
    done = chat("Hello", f"/image {RECEIPT}", "What is it?", "/reset", f"/image {scan}", "Again?")
    assert done.code == 0 and "its 2 pages go with your next question" in done.err
    assert kinds(chat.asked[1])[2] == ("user", ["image", "text"])
    assert kinds(chat.asked[2]) == [("user", ["image"] * 4 + ["text"])]


def test_mistakes_are_told_and_the_conversation_goes_on(chat):
    done = chat("/image", "/image none.png", "/imagine", "/help", "What color is the circle?")
    assert done.code == 0 and done.out.strip() == "red"
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3 and "/imagine" in errors[2] and "/reset" in errors[2]
    assert chat("/quit", "What color is the circle?").out == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("none.png",), 3), ((SHAPES, "--resolution", "x"), 2), ((SHAPES, "--pages", "9"), 3)],
)
def test_a_mistake_on_the_command_line_ends_it_before_loading(chat, monkeypatch, arguments, code):
    monkeypatch.setattr(SmolVLM, "load", lambda *_, **__: pytest.fail("it was loaded"))
    done = chat("Hello", arguments=arguments)
    assert (done.code, done.out) == (code, "") and done.err.count("\n") == 1


SLOW = """
import time
from smolvlm_tools.backends.onnx.backend import OnnxBackend
step = OnnxBackend.step
OnnxBackend.step = lambda self, ids, caches: (time.sleep(0.3), step(self, ids, caches))[1]
OnnxBackend.verify = None
"""


def test_at_a_terminal_ctrl_c_stops_an_answer_and_ctrl_d_ends_the_conversation():
    pty = pytest.importorskip("pty", reason="terminals as POSIX has them")
    master, slave = pty.openpty()
    arguments = ("chat", SHAPES, *EMBEDDED, "--precision", "int8")
    with start(*arguments, stdin=slave, stdout=slave, stderr=slave, before=SLOW) as process:
        os.close(slave)
        shown = _until(master, b"> ")
        assert b"/reset forgets" in shown
        os.write(master, b"Describe it.\n")
        _until(master, b"The")
        process.send_signal(signal.SIGINT)
        assert b"stopped" in _until(master, b"> ")
        os.write(master, b"What color is the circle?\n")
        assert b"red" in _until(master, b"> ")
        os.write(master, b"\x04")
        assert process.wait(60) == 0
    os.close(master)


def _until(terminal: int, wanted: bytes) -> bytes:
    """What a terminal shows until `wanted` comes."""
    shown, end = b"", time.monotonic() + 60
    while wanted not in shown:
        assert time.monotonic() < end, shown
        shown += os.read(terminal, 65536)
    return shown
